// SPDX-License-Identifier: BSL-1.0
#include "plait/thread/inline_strand.hpp"

namespace plait::detail {
namespace {

/// Nobody looks for a strand that never runs.
StrandRecord& no_record() noexcept {
  static constinit StrandRecord record;
  return record;
}

}  // namespace

InlineStrand::InlineStrand() noexcept : Strand(Kind::task) {
  Strand::scheduler = this;
  Strand::record = &no_record();
  open_inbox();
  announce_sleep();  // so that the first post calls wake()
}

}  // namespace plait::detail
