// SPDX-License-Identifier: BSL-1.0
#include "plait/process/codec.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <bitset>
#include <chrono>
#include <complex>
#include <deque>
#include <filesystem>
#include <fstream>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <tuple>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <variant>
#include <vector>

#include "support/build.hpp"

namespace plait {
namespace {

template <class T>
std::vector<std::byte> encoded(T&& value) {
  Encoder out;
  out.write(std::forward<T>(value));
  return {out.bytes().begin(), out.bytes().end()};
}
template <class T>
T decoded(std::span<const std::byte> bytes) {
  Decoder in(bytes);
  T value = in.read<T>();
  EXPECT_EQ(in.left(), 0U);
  return value;
}
/// The value is the same on the other side, from an lvalue and from an rvalue.
template <class T>
void crosses(const T& value) {
  EXPECT_TRUE(decoded<T>(encoded(value)) == value) << typeid(T).name();
  EXPECT_TRUE(decoded<T>(encoded(T(value))) == value) << typeid(T).name();
}

enum class Colour : std::uint8_t { red, green };
struct Point {
  int x = 0;
  double y = 0;
  bool operator==(const Point&) const = default;
};
struct Flagged {
  bool on = false;
  int n = 0;
  bool operator==(const Flagged&) const = default;
};
struct Tree {
  int value = 0;
  std::vector<Tree> children;
  bool operator==(const Tree&) const = default;
};
struct Bits {
  std::string text;
  int three : 3;
  unsigned five : 5;
  bool operator==(const Bits&) const = default;
};
struct Constant {
  const int n;
  const std::string text;
  bool operator==(const Constant&) const = default;
};
struct Wide {
  int a1 = 1, a2 = 2, a3 = 3, a4 = 4, a5 = 5, a6 = 6, a7 = 7, a8 = 8, a9 = 9, a10 = 10, a11 = 11, a12 = 12, a13 = 13,
      a14 = 14, a15 = 15, a16 = 16, a17 = 17, a18 = 18, a19 = 19, a20 = 20, a21 = 21, a22 = 22, a23 = 23, a24 = 24,
      a25 = 25, a26 = 26, a27 = 27, a28 = 28, a29 = 29, a30 = 30, a31 = 31;
  std::string a32;
  bool operator==(const Wide&) const = default;
};
/// No default constructor, private members, functions of its own.
class Secret {
 public:
  explicit Secret(int n) : n_(n) {}
  void encode(Encoder& out) const { out.write(n_); }
  static Secret decode(Decoder& in) { return Secret(in.read<int>()); }
  bool operator==(const Secret&) const = default;

 private:
  int n_;
};
struct Holder {
  Secret secret;
  int n;
  bool operator==(const Holder&) const = default;
};
/// Trivially copyable, and yet not to be copied as it is.
struct Interned {
  const char* name = nullptr;
  bool operator==(const Interned& o) const { return std::string_view(name) == o.name; }
};
class Money {
 public:
  Money() = default;
  explicit Money(long cents) : cents_(cents) {}
  bool operator==(const Money&) const = default;

 private:
  long cents_ = 0;
};
/// Owns something that only one may have.
class Ticket {
 public:
  explicit Ticket(int n) : n_(n) {}
  Ticket(Ticket&& other) noexcept : n_(std::exchange(other.n_, 0)) {}
  Ticket& operator=(Ticket&& other) noexcept {
    n_ = std::exchange(other.n_, 0);
    return *this;
  }
  void encode(Encoder& out) && { out.write(std::exchange(n_, 0)); }
  static Ticket decode(Decoder& in) { return Ticket(in.read<int>()); }
  int number() const { return n_; }

 private:
  int n_;
};

}  // namespace

template <>
inline constexpr bool portable_bytes<Money> = true;
template <>
struct Codec<Interned> {
  static void write(Encoder& out, const Interned& value) { out.write(std::string(value.name)); }
  static Interned read(Decoder& in) {
    static std::set<std::string> names;
    return {names.insert(in.read<std::string>()).first->c_str()};
  }
};

namespace {

TEST(CodecTest, NumbersAndEnumsCross) {
  crosses(-7);
  crosses(2.5);
  crosses(2.5L);
  crosses('x');
  crosses(true);
  crosses(Colour::green);
  crosses(std::byte{3});
  crosses(nullptr);
}

TEST(CodecTest, StringsAndContainersCross) {
  crosses(std::string());
  crosses(std::string("a long string that is not in the object itself"));
  crosses(std::u32string(U"wide"));
  crosses(std::vector<int>{1, 2, 3});
  crosses(std::vector<int>());
  crosses(std::vector<Point>{{1, 2}, {3, 4}});
  crosses(std::vector<bool>{true, false, true});
  crosses(std::vector<std::string>{"a", "", "c"});
  crosses(std::vector<std::vector<double>>{{1.5}, {}, {2, 3}});
  crosses(std::deque<std::string>{"a", "b"});
  crosses(std::list<int>{1, 2});
  crosses(std::array<int, 3>{1, 2, 3});
  crosses(std::array<std::string, 2>{"a", "b"});
  crosses(std::array<std::array<bool, 2>, 2>{{{true, false}, {false, true}}});
  crosses(std::set<std::string>{"a", "b"});
  crosses(std::multiset<int>{1, 1});
  crosses(std::unordered_set<int>{1, 2});
  crosses(std::map<int, std::string>{{1, "a"}, {2, "b"}});
  crosses(std::multimap<int, int>{{1, 2}, {1, 1}});
  crosses(std::unordered_map<std::string, std::vector<int>>{{"a", {1}}, {"b", {}}});
  crosses(std::map<std::pair<int, int>, std::optional<Tree>>{{{1, 2}, Tree{1, {}}}, {{0, 0}, {}}});
}

TEST(CodecTest, VocabularyTypesCross) {
  crosses(std::pair<int, std::string>(1, "a"));
  crosses(std::tuple<int, std::string, Tree>(1, "a", {}));
  crosses(std::tuple<std::tuple<int>>(std::tuple<int>(3)));
  crosses(std::tuple<>());
  crosses(std::optional<int>());
  crosses(std::optional<std::optional<int>>(std::optional<int>()));
  crosses(std::variant<std::monostate, int, Tree>(Tree{1, {{2, {}}}}));
  crosses(std::variant<int, int>(std::in_place_index<1>, 4));
  crosses(std::monostate());
  crosses(std::chrono::milliseconds(3));
  crosses(std::chrono::duration<double>(0.5));
  crosses(std::chrono::steady_clock::now());
  crosses(std::chrono::system_clock::now());
  crosses(std::filesystem::path("/a/b"));
  crosses(std::complex<double>(1, 2));
  crosses(std::bitset<70>(5));
  crosses(std::vector<std::monostate>(5));
  crosses(std::vector<std::tuple<>>(5));
}

TEST(CodecTest, AggregatesCross) {
  crosses(Point{1, 2.5});
  crosses(Flagged{true, 1});
  crosses(std::vector<Flagged>{{true, 1}, {false, 2}});
  crosses(Tree{1, {{2, {}}, {3, {{4, {}}}}}});
  crosses(Bits{"bits", -2, 17});
  crosses(Constant{4, "c"});
  Wide wide;
  wide.a31 = 77;
  wide.a32 = "text";
  crosses(wide);
  crosses(Holder{Secret(3), 4});
  crosses(std::vector<Wide>(2));
}

TEST(CodecTest, AnAggregateWithArraysCrosses) {
  struct Arrays {
    std::string text;
    int numbers[3] = {};
    std::string names[2];
    Flagged flags[2][2] = {};
    std::map<std::string, std::vector<int>> map;
  };
  Arrays sent{"t", {1, 2, 3}, {"a", "b"}, {{{}, {}}, {{true, 7}, {}}}, {{"k", {1, 2}}}};
  const auto got = decoded<Arrays>(encoded(sent));
  EXPECT_EQ(got.numbers[2], 3);
  EXPECT_EQ(got.names[1], "b");
  EXPECT_EQ(got.flags[1][0], (Flagged{true, 7}));
  EXPECT_EQ(got.map, sent.map);
}

TEST(CodecTest, TypesCrossAsTheirAuthorsSay) {
  crosses(Secret(4));
  crosses(std::vector<Secret>{Secret(1), Secret(2)});
  crosses(std::optional<Secret>(Secret(1)));
  crosses(std::array<Secret, 2>{Secret(1), Secret(2)});
  crosses(Interned{"name"});
  crosses(std::vector<Interned>{{"name"}, {"other"}});
  crosses(std::pair<Interned, int>({"name"}, 1));
  crosses(Money(99));
  crosses(std::vector<Money>{Money(1)});
  EXPECT_EQ(encoded(std::vector<Money>(4)).size(), encoded(std::vector<long>(4)).size());
}

TEST(CodecTest, WhatIsOwnedCrossesByMoving) {
  EXPECT_EQ(decoded<Tree>(encoded(*decoded<std::unique_ptr<Tree>>(encoded(std::make_unique<Tree>(Tree{1, {}}))))),
            (Tree{1, {}}));
  EXPECT_EQ(decoded<std::unique_ptr<int>>(encoded(std::unique_ptr<int>())), nullptr);
  std::vector<Ticket> tickets;
  tickets.emplace_back(3);
  tickets.emplace_back(4);
  const auto got = decoded<std::vector<Ticket>>(encoded(std::move(tickets)));
  EXPECT_EQ(got[1].number(), 4);
  EXPECT_EQ(tickets[1].number(), 0);
  struct Pair {
    Ticket ticket;
    std::optional<Ticket> maybe;
    std::map<int, Ticket> map;
  };
  Pair pair{Ticket(5), Ticket(6), {}};
  pair.map.emplace(1, Ticket(7));
  const auto both = decoded<Pair>(encoded(std::move(pair)));
  EXPECT_EQ(both.ticket.number() * 100 + both.maybe->number() * 10 + both.map.at(1).number(), 567);
}

TEST(CodecTest, NumbersSideBySideAreCopiedAtOnce) {
  EXPECT_LE(encoded(std::vector<Point>(1000)).size(), 1000 * sizeof(Point) + 32);
  EXPECT_EQ(encoded(std::array<Point, 10>()).size(), 10 * sizeof(Point));
  EXPECT_LE(encoded(std::string(1000, 'x')).size(), 1000U + 8);
}

TEST(CodecTest, AMessageIsReadWhereverItLies) {
  const std::vector<double> sent{1, 2, 3};
  const std::vector<std::byte> bytes = encoded(sent);
  std::vector<std::byte> room(bytes.size() + 16);
  for (std::size_t shift = 0; shift < 16; ++shift) {
    std::ranges::copy(bytes, room.begin() + static_cast<std::ptrdiff_t>(shift));
    EXPECT_EQ(decoded<std::vector<double>>({room.data() + shift, bytes.size()}), sent);
  }
}

TEST(CodecTest, DescriptorsTravelBesideTheBytes) {
  Encoder out;
  out.descriptor(os::Fd(::dup(0)));
  const int fd = out.descriptors().front().get();
  Decoder in(out.bytes(), out.descriptors());
  EXPECT_EQ(in.descriptor().get(), fd);
  EXPECT_THROW(in.descriptor(), DecodeError);
}

TEST(EncoderTest, WritesToGivenMemoryAsLongAsItFits) {
  std::byte given[16];
  Encoder out(given);
  out.write(std::uint64_t{1});
  EXPECT_FALSE(out.is_own());
  EXPECT_EQ(out.bytes().data(), given);
  out.write(std::string(100, 'x'));
  EXPECT_TRUE(out.is_own());
  Decoder in(out.bytes());
  EXPECT_EQ(in.read<std::uint64_t>(), 1U);
  EXPECT_EQ(in.read<std::string>(), std::string(100, 'x'));
  Encoder moved(std::move(out));
  EXPECT_EQ(moved.size(), 8U + 8 + 100);
  EXPECT_EQ(out.size(), 0U);  // NOLINT(bugprone-use-after-move): as promised
}

TEST(EncoderTest, IsCutWithItsDescriptors) {
  Encoder out;
  out.write(1);
  const std::size_t size = out.size();
  out.write(2);
  out.descriptor(os::Fd(::dup(0)));
  out.cut(size, 0);
  EXPECT_EQ(out.size(), size);
  EXPECT_TRUE(out.descriptors().empty());
}

struct Chain {
  int n = 0;
  std::unique_ptr<Chain> next;
};
std::unique_ptr<Chain> chain(int length) {
  std::unique_ptr<Chain> first;
  while (length-- > 0) first = std::make_unique<Chain>(Chain{length, std::move(first)});
  return first;
}

TEST(CodecTest, WhatNestsTooDeepIsRefusedOnBothSides) {
  EXPECT_EQ(decoded<std::unique_ptr<Chain>>(encoded(chain(900)))->next->n, 1);
  Encoder out;
  EXPECT_THROW(out.write(chain(1500)), std::length_error);
  out.clear();
  out.write(chain(900));  // it can be used again
  std::vector<std::byte> bytes;
  for (int i = 0; i < 100000; ++i) bytes.insert(bytes.end(), {std::byte{1}, {}, {}, {}, {}});
  Decoder in(bytes);
  EXPECT_THROW(in.read<std::unique_ptr<Chain>>(), DecodeError);
}

TEST(CodecTest, SizesAreNotBelieved) {
  std::vector<std::byte> bytes(64, std::byte{0x7f});
  EXPECT_THROW(decoded<std::string>(bytes), DecodeError);
  EXPECT_THROW(decoded<std::vector<double>>(bytes), DecodeError);
  EXPECT_THROW(decoded<std::vector<std::monostate>>(bytes), DecodeError);
  EXPECT_THROW((decoded<std::unordered_map<int, Wide>>(bytes)), DecodeError);
  EXPECT_THROW(decoded<bool>(std::span(bytes).first(1)), DecodeError);
  EXPECT_THROW(decoded<Flagged>(bytes), DecodeError);
  EXPECT_THROW((decoded<std::variant<int, std::string>>(bytes)), DecodeError);
  // As many elements as bytes, each larger in memory: what is reserved is bounded by the message.
  std::vector<std::byte> many(1 << 16);
  const std::uint64_t n = many.size() - 8;
  std::memcpy(many.data(), &n, sizeof n);
  Decoder in(many);
  EXPECT_THROW(in.read<std::vector<Wide>>(), DecodeError);
}

struct Message {
  std::vector<Tree> trees;
  std::variant<int, std::string, Flagged> variant;
  std::map<std::string, Wide> map;
  std::optional<std::vector<double>> maybe;
  std::unique_ptr<Tree> pointer;
  std::vector<bool> flags;
  std::bitset<70> bits;
  std::filesystem::path path;
  std::list<Secret> secrets;
  Flagged flagged;
  std::set<int> set;
};
Message message() {
  return {{{1, {{2, {}}}}, {3, {}}},
          Flagged{true, 1},
          {{"w", {}}, {"v", {}}},
          std::vector<double>{1, 2},
          std::make_unique<Tree>(Tree{1, {{2, {}}}}),
          {true, false},
          std::bitset<70>(7),
          "/tmp/x",
          {Secret(1)},
          {true, 2},
          {1, 2, 3}};
}
/// Either a value or a DecodeError; what was read can be written again.
void read_anything(std::span<const std::byte> bytes) {
  try {
    Decoder in(bytes);
    const auto value = in.read<Message>();
    EXPECT_GT(encoded(value).size(), 0U);
  } catch (const DecodeError&) {
  }
}

TEST(CodecTest, EveryTruncatedMessageIsRefused) {
  const std::vector<std::byte> bytes = encoded(message());
  for (std::size_t n = 0; n < bytes.size(); ++n) {
    // A copy of its own, so that a sanitizer sees who reads beyond it.
    const std::vector<std::byte> part(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(n));
    Decoder in(part);
    EXPECT_THROW(in.read<Message>(), DecodeError) << n;
  }
}

TEST(CodecTest, NoFlippedByteDoesHarm) {
  const std::vector<std::byte> bytes = encoded(message());
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    for (const int flip : {1, 2, 0x7f, 0x80, 0xff}) {
      std::vector<std::byte> bad = bytes;
      bad[i] ^= std::byte(flip);
      read_anything(bad);
    }
  }
}

TEST(CodecTest, NoRandomBytesDoHarm) {
  const std::vector<std::byte> good = encoded(message());
  std::mt19937 random(5);
  for (int round = 0; round < test::rounds(20000); ++round) {
    std::vector<std::byte> bytes = good;
    const auto any = [&](std::size_t below) { return random() % below; };
    for (std::size_t changes = 1 + any(6); changes-- > 0 && !bytes.empty();) {
      const std::size_t at = any(bytes.size());
      const auto place = bytes.begin() + static_cast<std::ptrdiff_t>(at);
      switch (any(4)) {
        case 0:
          *place = std::byte(random());
          break;
        case 1:
          bytes.insert(place, 1 + any(9), std::byte(random()));
          break;
        case 2:
          bytes.erase(place, bytes.begin() + static_cast<std::ptrdiff_t>(std::min(bytes.size(), at + 1 + any(9))));
          break;
        default:
          *place = std::byte(any(4));
      }
    }
    read_anything(bytes);
  }
}

TEST(PortableTest, SaysWhatCannotCross) {
  static_assert(!Portable<int*> && !Portable<const char*> && !Portable<void (*)()>);
  static_assert(!Portable<std::string_view> && !Portable<std::span<int>>);
  static_assert(!Portable<std::reference_wrapper<int>> && !Portable<std::function<void()>>);
  static_assert(!Portable<std::shared_ptr<int>> && !Portable<std::unique_ptr<int[]>>);
  static_assert(!Portable<std::mutex> && !Portable<std::thread> && !Portable<std::ofstream>);
  static_assert(!Portable<std::vector<std::pair<int, char*>>>);
  static_assert(!Portable<std::map<int, int, std::function<bool(int, int)>>>);
  struct Deep {
    int n;
    std::optional<std::variant<int, std::vector<int*>>> parts;
  };
  static_assert(!Portable<Deep>);
  struct Reference {
    int n;
    int& r;
  };
  static_assert(!Portable<Reference>);
  struct Derived : Point {
    int z;
  };
  static_assert(!Portable<Derived>);
  union Either {
    int a;
    double b;
  };
  static_assert(!Portable<Either>);
  struct Virtual {
    virtual ~Virtual() = default;
  };
  static_assert(!Portable<Virtual> && !Portable<std::unique_ptr<Virtual>>);
  [[maybe_unused]] auto captures = [n = 3] { return n; };
  [[maybe_unused]] auto none = [] { return 3; };
  static_assert(!Portable<decltype(captures)> && Portable<decltype(none)>);
  static_assert(Portable<Tree> && Portable<const std::string> && Portable<Interned> && Portable<Ticket>);
}

}  // namespace
}  // namespace plait
