// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <chrono>
#include <concepts>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "plait/base/time.hpp"
#include "plait/io/stream.hpp"
#include "plait/os/spawn.hpp"
#include "plait/os/terminal.hpp"

namespace plait::subprocess {

/// Where a standard stream of a program comes from or goes to: `Inherit`, `Pipe`, `Null`, `Out`, a path, a descriptor,
/// or a Stream. Trivially destructible.
class Redirect {
 public:
  /// Which of these it is.
  enum class Kind : std::uint8_t { inherit, pipe, null, out, path, append, descriptor, stream };

  constexpr explicit Redirect(Kind kind) noexcept : kind_(kind) {}
  /// A file, opened by the path when the program is started: for reading, or emptied for writing.
  template <class Path>
    requires std::convertible_to<const Path&, std::string_view>
  constexpr Redirect(const Path& path) noexcept  // NOLINT(google-explicit-constructor)
      : kind_(Kind::path), path_(path) {}
  /// A descriptor of the caller's, who keeps it, and keeps it open until the program has been started.
  constexpr Redirect(int descriptor) noexcept  // NOLINT(google-explicit-constructor)
      : kind_(Kind::descriptor), descriptor_(descriptor) {}
  /// A Stream, the output of another Child above all: `.in = a.out()`. It is handed over, and closed here, at once.
  Redirect(Stream& stream) noexcept  // NOLINT(google-explicit-constructor)
      : kind_(Kind::stream), stream_(&stream) {}
  /// A file that is written at its end.
  static constexpr Redirect append(std::string_view path) noexcept {
    Redirect redirect(path);
    redirect.kind_ = Kind::append;
    return redirect;
  }

  constexpr Kind kind() const noexcept { return kind_; }
  constexpr std::string_view path() const noexcept { return path_; }
  constexpr int descriptor() const noexcept { return descriptor_; }
  Stream& stream() const noexcept { return *stream_; }

 private:
  Kind kind_;
  int descriptor_ = -1;
  std::string_view path_;
  Stream* stream_ = nullptr;
};

/// The caller's own (None).
inline constexpr Redirect Inherit{Redirect::Kind::inherit};
/// A pipe, whose other end is a Stream of the Child (PIPE).
inline constexpr Redirect Pipe{Redirect::Kind::pipe};
/// Nothing to read, and what is written is lost (DEVNULL).
inline constexpr Redirect Null{Redirect::Kind::null};
/// For `err`: where the output goes (STDOUT).
inline constexpr Redirect Out{Redirect::Kind::out};

/// How a program is run. Trivially destructible; everything it refers to is copied when `run` or `spawn` is called.
struct Options {
  /// What it reads.
  Redirect in = Inherit;
  /// Where what it writes goes.
  Redirect out = Inherit;
  /// Where its errors go.
  Redirect err = Inherit;
  /// For `run`: what the program reads, from a pipe. Without it, `run` gives no pipe.
  std::optional<std::string_view> input = {};
  /// For `run`: `out` and `err` are collected.
  bool capture_output = false;
  /// For `run`: another returncode than 0 throws CalledProcessError.
  bool check = false;
  /// For `run`: when that is over, the program is stopped and TimeoutExpired thrown, with the output there was.
  Duration timeout = Duration::max();
  /// How long a program that is stopped has from SIGTERM to SIGKILL.
  Duration grace = std::chrono::seconds(3);
  /// Where it starts; "": where the caller is.
  std::string_view cwd = {};
  /// Its whole environment, "NAME=value" each; nothing: the caller's.
  std::optional<std::span<const std::string>> env = {};
  /// Set in its environment in addition.
  std::span<const std::string> extra_env = {};
  /// What is run instead of the first word, which it then only sees as its name.
  std::string_view executable = {};
  /// Descriptors, besides the three, that it gets under the same number. No others.
  std::span<const int> pass_fds = {};
  /// It leads a session of its own, without a terminal (start_new_session).
  bool new_session = false;
  /// For `spawn` of one program: those of `in`, `out` and `err` that are `Inherit` are a new pseudo-terminal, at which
  /// it leads a session of its own; Child::terminal is the other end (pty.spawn).
  bool terminal = false;
  /// The size of that; zeros: the system's default.
  os::TerminalSize terminal_size = {};
  /// 0: a process group of its own; above: that group; -1: the caller's.
  int process_group = -1;
  /// The mask for the files it makes; -1: the caller's.
  int umask = -1;
  /// Its user, by number; -1: the caller's. This and the next two take privileges.
  std::int64_t user = -1;
  /// Its group; -1: the caller's.
  std::int64_t group = -1;
  /// Its supplementary groups; nothing: the caller's.
  std::optional<std::span<const std::uint32_t>> groups = {};
  /// Limits (setrlimit(2)).
  std::span<const os::ResourceLimit> limits = {};
};

}  // namespace plait::subprocess
