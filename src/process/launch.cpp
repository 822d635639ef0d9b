// SPDX-License-Identifier: BSL-1.0
//
// Idea. What a program shall have as 0, 1 and 2 is first made into descriptors of this process, all close-on-exec,
// which os::spawn then puts in their places. They are closed here when the program has begun, or could not; so the
// pipes end when the program lets go of them.
#include "launch.hpp"

#include <cstdlib>
#include <utility>

#include "plait/base/contract.hpp"
#include "plait/io/pipe.hpp"
#include "plait/os/file.hpp"
#include "plait/os/pipe.hpp"
#include "terminal_stream.hpp"

namespace plait::detail {
namespace {

using Kind = subprocess::Redirect::Kind;

Source owned(const subprocess::Redirect& redirect) {
  Source source;
  source.kind = redirect.kind();
  source.number = redirect.descriptor();
  source.path = redirect.path();
  if (source.kind == Kind::stream) {
    source.fd = redirect.stream().release();
    // A program does not expect that its reads fail because there is nothing yet.
    os::set_blocking(source.fd.get(), true);
  }
  return source;
}

template <class T>
std::vector<T> copied(std::span<const T> span) {
  return {span.begin(), span.end()};
}

}  // namespace

Launch::Launch(std::vector<subprocess::Command> commands, const subprocess::Options& options, bool is_run)
    : check(options.check), timeout(options.timeout), grace(options.grace), commands_(std::move(commands)) {
  const auto refuse = [&](const char* sentence) {
    misuse("subprocess of " + commands_.front().text() + ": " + sentence);
  };
  for (const subprocess::Command& each : commands_) {
    if (each.words().empty()) misuse("subprocess: the command is empty.");
  }
  const bool only_for_run = options.input || options.capture_output || options.check || timeout != Duration::max();
  if (only_for_run && !is_run) refuse("input, capture_output, check and timeout are for run(), not for spawn().");
  if (options.in.kind() == Kind::out || options.out.kind() == Kind::out) refuse("Out is for .err only.");
  if (options.input && options.in.kind() != Kind::inherit) refuse("it has .input and .in; give one of them.");
  if (is_run && options.in.kind() == Kind::pipe) refuse("nobody could write to .in = Pipe; give run() its .input.");
  const bool redirected = options.out.kind() != Kind::inherit || options.err.kind() != Kind::inherit;
  if (options.capture_output && redirected && options.err.kind() != Kind::out) {
    refuse(".capture_output means that .out and .err are pipes; leave them out (but .err = Out).");
  }

  if (options.terminal && (is_run || commands_.size() != 1)) refuse(".terminal is for spawn() of one program.");
  const auto is_free = [](const subprocess::Redirect& redirect) { return redirect.kind() == Kind::inherit; };
  if (options.terminal && !is_free(options.in) && !is_free(options.out) && !is_free(options.err)) {
    refuse("it has .terminal, but its .in, .out and .err are something else.");
  }
  if (options.terminal_size.columns != 0 && !options.terminal) refuse("it has a .terminal_size, but no .terminal.");

  using subprocess::Pipe;
  if (options.input) input_ = std::string(*options.input);
  sources_[0] = owned(options.input ? Pipe : options.in);
  sources_[1] = owned(options.capture_output ? Pipe : options.out);
  sources_[2] = owned(options.capture_output && options.err.kind() != Kind::out ? Pipe : options.err);
  if (options.env) plan_.environment = copied(*options.env);
  extra_environment_ = copied(options.extra_env);
  plan_.program = options.executable;
  plan_.keep = copied(options.pass_fds);
  plan_.directory = options.cwd;
  terminal_ = options.terminal;
  terminal_size_ = options.terminal_size;
  plan_.new_session = options.new_session || options.terminal;
  plan_.process_group = options.process_group;
  plan_.umask = options.umask;
  plan_.user = options.user;
  plan_.group = options.group;
  if (options.groups) plan_.groups = copied(*options.groups);
  plan_.limits = copied(options.limits);
}

std::string Launch::text() const {
  std::string text;
  for (const subprocess::Command& each : commands_) text += (text.empty() ? "" : " | ") + each.text();
  return text;
}

std::vector<std::string> Launch::words() const {
  std::vector<std::string> all;
  for (const subprocess::Command& each : commands_) {
    if (!all.empty()) all.emplace_back("|");
    all.insert(all.end(), each.words().begin(), each.words().end());
  }
  return all;
}

/// Starts one with the sources as they are, which must name descriptors by now.
std::shared_ptr<ChildState> Launch::start_one(const subprocess::Command& command) {
  plan_.arguments = command.words();
  plan_.descriptors.clear();
  for (int number = 0; number < 3; ++number) {
    const Source* source = &sources_[static_cast<std::size_t>(number)];
    int from = number;
    if (source->kind == Kind::out) {
      source = &sources_[1];
      from = 1;
    }
    if (source->fd.valid()) from = source->fd.get();
    if (source->kind == Kind::descriptor) from = source->number;
    // Also one that has the right number already, for it may be close-on-exec.
    if (sources_[static_cast<std::size_t>(number)].kind != Kind::inherit) plan_.descriptors.push_back({number, from});
  }
  Descendants descendants;
  // A caller's own environment may leave it out; this process's descendants are the program's all the same.
  const char* const inherited = std::getenv(std::string(kAncestorsVariable).c_str());
  plan_.variables = extra_environment_;
  plan_.variables.push_back(descendants.variable(inherited ? inherited : ""));
  os::SpawnedProcess process = os::spawn(plan_);
  return std::make_shared<ChildState>(std::move(process), command.words(), std::move(descendants));
}

/// Those of the three that are nothing else become a terminal.
void Launch::give_terminal(Conversation& talk, std::string name) {
  os::TerminalEnds ends = os::open_terminal(terminal_size_);
  for (std::size_t i = 0; i < sources_.size(); ++i) {
    if (sources_[i].kind != Kind::inherit) continue;
    sources_[i].kind = Kind::stream;
    sources_[i].fd = os::duplicate(ends.program.get());
    plan_.terminal = static_cast<int>(i);
  }
  talk.terminal = terminal_stream(std::move(ends.screen), std::move(name));
}

std::vector<std::shared_ptr<ChildState>> Launch::start(Conversation& talk) {
  const std::string name = "\"" + commands_.front().words().front() + "\"";
  const std::string last_name = "\"" + commands_.back().words().front() + "\"";
  if (input_) talk.input = std::move(*input_);
  for (std::size_t i = 0; i < sources_.size(); ++i) {
    Source& source = sources_[i];
    switch (source.kind) {
      case Kind::pipe: {
        os::PipeEnds ends = os::open_pipe();
        source.fd = std::move(i == 0 ? ends.read : ends.write);
        if (i == 0) talk.in = pipe_stream(std::move(ends.write), "the input of " + name);
        if (i == 1) talk.out = pipe_stream(std::move(ends.read), "the output of " + last_name);
        if (i == 2) talk.err = pipe_stream(std::move(ends.read), "the errors of " + last_name);
        break;
      }
      case Kind::null:
        source.fd = os::open_path("/dev/null", os::FileUse::read_write);
        break;
      case Kind::path:
        source.fd = os::open_path(source.path, i == 0 ? os::FileUse::read : os::FileUse::write);
        break;
      case Kind::append:
        source.fd = os::open_path(source.path, os::FileUse::append);
        break;
      default:
        break;
    }
  }
  if (terminal_) give_terminal(talk, "the terminal of " + name);
  std::vector<std::shared_ptr<ChildState>> started;
  Source last_out = std::exchange(sources_[1], Source());
  try {
    for (std::size_t i = 0; i + 1 < commands_.size(); ++i) {
      os::PipeEnds link = os::open_pipe();
      sources_[1].kind = Kind::stream;
      sources_[1].fd = std::move(link.write);
      started.push_back(start_one(commands_[i]));
      sources_[0].kind = Kind::stream;
      sources_[0].fd = std::move(link.read);
    }
    sources_[1] = std::move(last_out);
    started.push_back(start_one(commands_.back()));
  } catch (...) {
    for (auto& child : started) abandon(std::move(child));
    throw;
  }
  for (Source& source : sources_) source = Source();
  return started;
}

}  // namespace plait::detail
