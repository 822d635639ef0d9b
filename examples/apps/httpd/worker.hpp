// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <plait/plait.hpp>

#include <atomic>
#include <optional>
#include <unordered_set>
#include <utility>
#include <vector>

#include "access_log.hpp"
#include "clock.hpp"
#include "input.hpp"
#include "settings.hpp"
#include "static_files.hpp"

namespace httpd {

/// What all loops share.
struct Site {
  explicit Site(Settings given) : settings(std::move(given)) {
    if (!settings.root.empty()) files.emplace(settings.root);
  }

  const Settings settings;
  std::optional<StaticFiles> files;
  /// Set once, by a signal; a primitive of Plait is the same for all loops and threads.
  plait::Event stop;
  /// Requests that were cut off because of it.
  std::atomic<int> cut_off{0};
};

/// What the connections of one loop share.
struct Worker {
  Worker(Site& site, std::optional<plait::File> log) : site(site), log(std::move(log)) {}

  Site& site;
  Clock clock;
  AccessLog log;

  /// Waits for the first byte of a request, for the idle time at most; false if none comes. A stop ends it at once.
  plait::Task<bool> wait_for_request(Input& input);
  /// Ends those waits when the server is stopped.
  plait::Task<> end_idle_waits();

 private:
  std::unordered_set<plait::CancelScope*> idle_;
};

}  // namespace httpd
