// SPDX-License-Identifier: BSL-1.0
#include "process_body.hpp"

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string>
#include <utility>

#include "plait/core/exceptions.hpp"
#include "plait/os/message_socket.hpp"
#include "plait/os/process.hpp"
#include "plait/os/shared_memory.hpp"
#include "plait/os/signal.hpp"
#include "plait/os/thread.hpp"
#include "plait/process/family.hpp"
#include "plait/process/portable_call.hpp"
#include "role.hpp"

namespace plait::detail {
namespace {

/// Makes this process what the order says, and gives it no descriptor but its own [R4].
void settle(Order& order) {
  if (os::change_directory(order.directory) != 0) {
    std::fputs("plait: a process can't begin in its program's working directory.\n", stderr);
  }
  order.directory.reset();
  os::set_standard_stream(1, std::move(order.output));
  os::set_standard_stream(2, std::move(order.errors));
  std::vector<int> keep{order.channel.get(), order.family.get()};
  for (const os::Fd& fd : order.descriptors) keep.push_back(fd.get());
  os::close_all_but(keep);
  Family::adopt(std::move(order.family));
  // For good, as the environment is.
  os::set_environment(*new std::string(std::move(order.environment)));
}

/// What the call failed with; null if it did not.
std::exception_ptr error_in(const Encoder& result) noexcept {
  try {
    Decoder from(result.bytes());
    decode_result<void>(from);
    return nullptr;
  } catch (...) {
    return std::current_exception();
  }
}

bool is_interrupt(const std::exception_ptr& error) noexcept {
  try {
    std::rethrow_exception(error);
  } catch (const KeyboardInterrupt&) {
    return true;
  } catch (...) {
    return false;
  }
}

const Order* own_order = nullptr;

[[noreturn]] void run(Order& order) {
  own_order = &order;
  os::name_this_thread(order.name);
  name_this_process(order.name);
  Role& role = this_role();
  role.name = order.name;
  role.parent = order.parent;
  role.parent_name = order.parent_name;
  Encoder result;
  Decoder call(order.call, order.descriptors);
  run_call(call, result);
  if (result.descriptors().size() >= os::kMostDescriptors) {
    result.cut(0, 0);
    encode_failure(result, too_many_descriptors("return"), call_name(order.call));
  }
  const std::exception_ptr error = error_in(result);
  if (error && is_interrupt(error)) {
    std::fflush(nullptr);
    os::die_by_signal(os::kSigInt);
  }
  if (error) {
    std::fprintf(stderr, "plait: process \"%s\" (%d) ends with an exception: %s\n", role.name.c_str(), os::process_id(),
                 describe(error).c_str());
  }
  // Nobody reads it if the program is gone, and then this process soon is.
  send(order.channel, Say::result, result.bytes(), numbers_of(result.descriptors()));
  std::exit(error ? 1 : 0);
}

}  // namespace

const os::Fd& program_channel() noexcept { return own_order->channel; }

void be_child(Order order, int parent) {
  if (!os::die_with_parent(parent)) os::exit_at_once(1);
  settle(order);
  run(order);
}

void be_copy(Order order, int parent) {
  if (!os::die_with_parent(parent)) os::exit_at_once(1);
  run(order);
}

void be_child(os::Fd mail, int parent) {
  Message message;
  if (receive(mail, message, os::Patience::wait) != 1) os::exit_at_once(1);
  mail.reset();
  be_child(read_order(std::move(message)), parent);
}

}  // namespace plait::detail
