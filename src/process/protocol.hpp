// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "plait/os/fd.hpp"
#include "plait/os/message_socket.hpp"
#include "plait/process/encoder.hpp"

namespace plait::detail {

/// The argument by which a program knows that it is to be something else: `--plait-process=server:FD:PARENT`, or
/// `child:FD:PARENT`, where FD is the message socket to its parent, whose id is PARENT.
inline constexpr std::string_view kRoleOption = "--plait-process=";

/// What messages between program, server and child say. [R5]: each is one packet.
enum class Say : std::uint8_t {
  start,    ///< program to server, on the control socket, with the channel: an Order
  started,  ///< server to program, on the channel as all that follow, with the pidfd: the child's id
  refused,  ///< there is no child: an errno
  result,   ///< child to program: what the call gave (run_call)
  exited,   ///< server to program: the exit code, or minus a signal
  ask,      ///< worker of a pool to program: the slot whose call's descriptors it needs
  letter,   ///< the answer; and from a worker, with the slot, the descriptors of a result
};

/// Their numbers.
std::vector<int> numbers_of(std::span<const os::Fd> descriptors);

/// The error of a message that has more than os::kMostDescriptors. `verb` says what was tried.
std::exception_ptr too_many_descriptors(std::string_view verb);

/// What a child is started with.
struct Order {
  /// It is to be an exec of its own.
  bool fresh = false;
  std::string name;
  /// Who starts it.
  int parent = 0;
  std::string parent_name;
  /// As os::environment() gives it.
  std::string environment;
  /// What encode_call made.
  std::vector<std::byte> call;
  os::Fd channel;
  os::Fd directory;
  /// The memory of the family (family.hpp).
  os::Fd family;
  /// The standard output and the standard error; none if the program has closed its own.
  os::Fd output;
  os::Fd errors;
  /// Of the call.
  std::vector<os::Fd> descriptors;
};

/// One message, however long: what does not fit into a packet goes as a memory file. 0 or minus an errno. Throws
/// std::system_error for want of memory.
int send(const os::Fd& socket, Say what, std::span<const std::byte> bytes, std::span<const int> descriptors = {});

/// A message as it came.
struct Message {
  Say what{};
  std::vector<std::byte> bytes;
  std::vector<os::Fd> descriptors;
};
/// The next message. 1, 0 at the end of the socket, or minus an errno. Throws DecodeError for what is no message.
int receive(const os::Fd& socket, Message& message, os::Patience patience);

int send(const os::Fd& socket, const Order& order);
/// What `message`, of that kind, holds.
Order read_order(Message message);

}  // namespace plait::detail
