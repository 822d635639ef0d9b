// expect: std::move it
// SPDX-License-Identifier: BSL-1.0
#include <plait/process/codec.hpp>

#include <vector>

class Ticket {
 public:
  Ticket(Ticket&&) = default;
  void encode(plait::Encoder&) &&;
  static Ticket decode(plait::Decoder&);
};

void send(plait::Encoder& out, const std::vector<Ticket>& tickets) { out.write(tickets); }
