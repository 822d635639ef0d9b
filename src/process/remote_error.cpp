// SPDX-License-Identifier: BSL-1.0
#include "plait/process/remote_error.hpp"

#include <cxxabi.h>

#include <map>
#include <mutex>
#include <typeindex>
#include <vector>

#include "plait/os/modules.hpp"
#include "plait/os/shared_memory.hpp"
#include "plait/os/throw_place.hpp"
#include "plait/process/code_place.hpp"
#include "process/standard_errors.hpp"

// An exception is written as its story, what it was nested in, the number of the nearest class of the standard library,
// and the place of the nearest registered type (ExceptionType) with what its codec writes. "Nearest" goes over the
// exception's type and its public bases, level by level, in the type descriptions of the C++ ABI. The reader makes the
// registered type if it has it and can read it, the standard one otherwise, always with the original text and story. An
// exception that came from a third process keeps the story that it has.

namespace plait {
namespace detail {
namespace {

std::mutex g_registering;

std::map<std::type_index, const ExceptionType*>& registered() {
  static auto* const types = [] {
    auto* const known = new std::map<std::type_index, const ExceptionType*>();
    for (const ExceptionType* type : known_exception_types()) known->emplace(*type->type, type);
    return known;
  }();
  return *types;
}

const ExceptionType* find_registered(const std::type_info& type) {
  const std::lock_guard guard(g_registering);
  const auto found = registered().find(type);
  return found != registered().end() ? found->second : nullptr;
}

/// The type and its public bases, nearest first.
std::vector<const std::type_info*> type_and_bases(const std::type_info& type) {
  std::vector<const std::type_info*> types{&type};
  for (std::size_t i = 0; i < types.size(); ++i) {
    if (const auto* one = dynamic_cast<const abi::__si_class_type_info*>(types[i])) {
      types.push_back(one->__base_type);
    } else if (const auto* many = dynamic_cast<const abi::__vmi_class_type_info*>(types[i])) {
      for (unsigned base = 0; base < many->__base_count; ++base) {
        if (many->__base_info[base].__is_public_p()) types.push_back(many->__base_info[base].__base_type);
      }
    }
  }
  return types;
}

std::string& process_name() {
  static auto* const name = new std::string();
  return *name;
}

/// What can be said of any exception.
struct Seen {
  const std::exception* standard = nullptr;
  std::exception_ptr nested;
  RemoteInfo::Story story;
};

std::string name_of(const std::type_info& type) {
  std::string name = type_name(type);
  constexpr std::string_view wrapper = "std::_Nested_exception<";
  if (name.starts_with(wrapper)) name = name.substr(wrapper.size(), name.size() - wrapper.size() - 1);
  return name;
}

Seen look_at(const std::exception_ptr& error, std::string_view call, std::span<const void* const> frames) {
  Seen seen;
  const RemoteInfo* from_elsewhere = nullptr;
  const std::type_info* const type = error.__cxa_exception_type();
  seen.story.type = type != nullptr ? name_of(*type) : "unknown";
  try {
    std::rethrow_exception(error);
  } catch (const std::exception& e) {
    seen.standard = &e;
    seen.story.what = e.what();
    from_elsewhere = dynamic_cast<const RemoteInfo*>(&e);
    if (const auto* with = dynamic_cast<const std::nested_exception*>(&e)) seen.nested = with->nested_ptr();
  } catch (const RemoteInfo& info) {
    from_elsewhere = &info;
  } catch (const std::nested_exception& with) {
    seen.nested = with.nested_ptr();
  } catch (...) {
  }
  if (from_elsewhere != nullptr) {
    seen.story = from_elsewhere->story();
  } else {
    seen.story.pid = os::process_id();
    seen.story.process = process_name();
    seen.story.call = call;
    seen.story.frames.assign(frames.begin(), frames.end());
  }
  return seen;
}

/// Whether the rest could be written. If not, it is cut off again.
bool write_as_type(Encoder& out, const ExceptionType& type, const std::exception_ptr& error, const Seen& seen) {
  const std::size_t before = out.size(), descriptors = out.descriptors().size();
  try {
    const void* const found = type.find(error, seen.standard);
    if (found == nullptr) return false;  // an ambiguous base
    write_place(out, place_of(&type));
    type.write(out, found);
    return true;
  } catch (...) {
    out.cut(before, descriptors);
    return false;
  }
}

void write_story(Encoder& out, const RemoteInfo::Story& story) {
  out.raw(story.pid);
  for (const std::string* text : {&story.process, &story.call, &story.type, &story.what}) {
    write_as<std::string>(out, *text);
  }
  std::vector<const void*> known = story.frames;
  std::erase_if(known, [](const void* frame) { return os::module_of(frame) == nullptr; });
  out.raw(known.size());
  for (const void* frame : known) write_function(out, frame, os::program_module());
}
/// A frame of a module that this process does not have is left out.
RemoteInfo::Story read_story(Decoder& in) {
  RemoteInfo::Story story;
  story.pid = in.raw<int>();
  for (std::string* text : {&story.process, &story.call, &story.type, &story.what}) {
    *text = read_as<std::string>(in);
  }
  for (std::size_t left = in.count(); left > 0; --left) {
    try {
      story.frames.push_back(read_function(in, os::program_module()));
    } catch (const UnknownCall&) {
    }
  }
  return story;
}

/// The registered type, if it is here and can read its part; null otherwise.
std::exception_ptr read_registered(Decoder& in, const RemoteInfo::Story& story, const std::exception_ptr& nested) {
  try {
    const FoundConstant found = read_constant(in, sizeof(ExceptionType), ExceptionType::kMagic);
    return static_cast<const ExceptionType*>(found.address)->make(in, RemoteInfo::Story(story), nested);
  } catch (const std::exception&) {
    return nullptr;
  }
}

}  // namespace

bool register_exception_type(const ExceptionType& type) {
  const std::lock_guard guard(g_registering);
  registered().insert_or_assign(*type.type, &type);
  return true;
}

void write_error(Encoder& out, const std::exception_ptr& error, std::string_view call,
                 std::span<const void* const> frames) {
  const NestingLevel level(out);
  const Seen seen = look_at(error, call, frames);
  write_story(out, seen.story);
  out.raw(seen.nested != nullptr);
  if (seen.nested != nullptr) write_error(out, seen.nested, call);

  const std::type_info* const type = error.__cxa_exception_type();
  const std::vector<const std::type_info*> types =
      type != nullptr ? type_and_bases(*type) : std::vector<const std::type_info*>();
  unsigned char standard = kNoStandardType;
  for (const std::type_info* each : types) {
    if (standard == kNoStandardType) standard = standard_number(*each);
  }
  out.raw(standard);
  const std::size_t at = out.size();
  out.raw(std::uint64_t{0});
  for (const std::type_info* each : types) {
    const ExceptionType* const known = find_registered(*each);
    if (known != nullptr && write_as_type(out, *known, error, seen)) break;
  }
  out.overwrite(at, std::uint64_t{out.size() - at - sizeof(std::uint64_t)});
}

std::exception_ptr read_error(Decoder& in) {
  const NestingLevel level(in);
  RemoteInfo::Story story = read_story(in);
  const std::exception_ptr nested = read_as<bool>(in) ? read_error(in) : nullptr;
  const auto standard = in.raw<unsigned char>();
  Decoder part = in.part(in.count());
  if (part.left() != 0) {
    if (std::exception_ptr error = read_registered(part, story, nested)) return error;
  }
  return make_standard(standard, std::move(story), nested);
}

void name_this_process(std::string name) { process_name() = std::move(name); }

}  // namespace detail

std::string RemoteInfo::description() const {
  std::string text = story_.type;
  if (!story_.what.empty()) text += ": " + story_.what;
  text += " (in process " + std::to_string(story_.pid);
  if (!story_.process.empty()) text += " \"" + story_.process + "\"";
  if (!story_.call.empty()) text += ", in " + story_.call;
  text += ")";
  const std::string place = where();
  return place.empty() ? text : text + "\n" + place;
}

std::string RemoteInfo::where() const { return os::describe_frames(story_.frames); }

const RemoteInfo* remote_info(const std::exception_ptr& error) noexcept {
  if (error == nullptr) return nullptr;
  try {
    std::rethrow_exception(error);
  } catch (const RemoteInfo& info) {
    return &info;
  } catch (...) {
    return nullptr;
  }
}

}  // namespace plait
