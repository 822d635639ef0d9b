// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cereal/cereal.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <type_traits>

#include "plait/process/codec.hpp"

/// Lets everything cross to another process that the library cereal can serialise: classes with `serialize`, or with
/// `save` and `load`, and what the headers of <cereal/types/…> add, shared and polymorphic pointers among them. Include
/// it before anything is sent; it needs cereal (Debian: libcereal-dev), which Plait itself does not.

namespace plait {

/// Writes to an Encoder: a cereal archive, as in `CEREAL_REGISTER_TYPE`. Not portable between machines.
class CerealWriter : public cereal::OutputArchive<CerealWriter, cereal::AllowEmptyClassElision> {
 public:
  explicit CerealWriter(Encoder& out) : OutputArchive(this), out_(out) {}
  /// Writes bytes as they are; cereal calls it.
  void saveBinary(const void* from, std::size_t size) { out_.bytes(from, size); }

 private:
  Encoder& out_;
};

/// Reads from a Decoder what CerealWriter wrote. Throws DecodeError for what is impossible.
class CerealReader : public cereal::InputArchive<CerealReader, cereal::AllowEmptyClassElision> {
 public:
  explicit CerealReader(Decoder& in) : InputArchive(this), in_(in) {}
  /// Reads bytes as they are; cereal calls it.
  void loadBinary(void* to, std::size_t size) {
    if (size != 0) std::memcpy(to, in_.bytes(size).data(), size);
  }
  /// Reads one that is neither a number of elements nor raw bytes.
  template <class T>
  T read_number() {
    return detail::read_as<T>(in_);
  }
  /// Reads how many elements follow: not more than there are bytes.
  std::size_t read_count() { return in_.count(); }

 private:
  Decoder& in_;
};

namespace detail {

/// What the built-in codec leaves to cereal.
template <class T>
concept CrossesByCereal =
    std::is_class_v<T> && (codec_kind<T>() == CodecKind::serialize || codec_kind<T>() == CodecKind::none) &&
    cereal::traits::is_output_serializable<T, CerealWriter>::value &&
    cereal::traits::is_input_serializable<T, CerealReader>::value;

}  // namespace detail

/// By cereal.
template <detail::CrossesByCereal T>
struct Codec<T> {
  /// Writes by `save` or `serialize`. At least a byte.
  static void write(Encoder& out, const T& value) {
    out.raw(std::byte{});
    CerealWriter archive(out);
    archive(value);
  }
  /// Reads by `load` or `serialize`.
  static T read(Decoder& in) {
    in.bytes(1);
    try {
      CerealReader archive(in);
      if constexpr (std::is_default_constructible_v<T>) {
        T value;
        archive(value);
        return value;
      } else {
        const std::unique_ptr<T> value(cereal::access::construct<T>());
        archive(*value);
        return std::move(*value);
      }
    } catch (const cereal::Exception& e) {
      Decoder::refuse(e.what());
    }
  }
};

/// Numbers, for cereal.
template <class T>
  requires std::is_arithmetic_v<T>
void CEREAL_SAVE_FUNCTION_NAME(CerealWriter& archive, const T& value) {
  archive.saveBinary(&value, sizeof value);
}
/// Numbers, for cereal.
template <class T>
  requires std::is_arithmetic_v<T>
void CEREAL_LOAD_FUNCTION_NAME(CerealReader& archive, T& value) {
  value = archive.read_number<T>();
}
/// Named values, for cereal: names do not cross.
template <class T>
void CEREAL_SERIALIZE_FUNCTION_NAME(CerealWriter& archive, cereal::NameValuePair<T>& pair) {
  archive(pair.value);
}
template <class T>
void CEREAL_SERIALIZE_FUNCTION_NAME(CerealReader& archive, cereal::NameValuePair<T>& pair) {
  archive(pair.value);
}
/// Sizes, for cereal.
template <class T>
void CEREAL_SERIALIZE_FUNCTION_NAME(CerealWriter& archive, cereal::SizeTag<T>& tag) {
  archive(static_cast<std::uint64_t>(tag.size));
}
template <class T>
void CEREAL_SERIALIZE_FUNCTION_NAME(CerealReader& archive, cereal::SizeTag<T>& tag) {
  tag.size = archive.read_count();
}
/// Raw memory, for cereal.
template <class T>
void CEREAL_SAVE_FUNCTION_NAME(CerealWriter& archive, const cereal::BinaryData<T>& data) {
  archive.saveBinary(data.data, static_cast<std::size_t>(data.size));
}
/// Raw memory, for cereal.
template <class T>
void CEREAL_LOAD_FUNCTION_NAME(CerealReader& archive, cereal::BinaryData<T>& data) {
  archive.loadBinary(data.data, static_cast<std::size_t>(data.size));
}

}  // namespace plait

CEREAL_REGISTER_ARCHIVE(plait::CerealWriter)
CEREAL_REGISTER_ARCHIVE(plait::CerealReader)
CEREAL_SETUP_ARCHIVE_TRAITS(plait::CerealReader, plait::CerealWriter)
