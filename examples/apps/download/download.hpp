// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "curl.hpp"

/// A download manager: files from the web, several at a time, that go on where they stopped.
namespace download {

/// How files are fetched.
struct Settings {
  std::filesystem::path folder = ".";
  int at_once = 4;
  int retries = 3;                                   ///< After an error that may pass.
  plait::Duration stall = std::chrono::seconds(30);  ///< Without a byte for so long is such an error.
  plait::Duration pause = std::chrono::seconds(1);   ///< Before the first retry; doubled each time.
};

/// What became of one URL.
struct Outcome {
  std::string url;
  std::filesystem::path file;
  std::int64_t bytes = 0;
  std::string error;  ///< "": the file is there.
};

/// The name of the file that `url` becomes: its last part; "index.html" if that is empty.
std::string name_of(const std::string& url);

/// Fetches all of them, each with a progress bar. While a file is incomplete it is called NAME.part, with the server's
/// mark of its version in NAME.part.etag, so that the next run can go on with it. Throws what is wrong on this side: a
/// full disk for instance. On cancel: the .part files stay.
plait::Task<std::vector<Outcome>> all(std::vector<std::string> urls, const Settings& settings);

}  // namespace download
