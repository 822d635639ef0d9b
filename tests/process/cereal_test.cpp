// SPDX-License-Identifier: BSL-1.0
#include "plait/cereal.hpp"

#include <gtest/gtest.h>

#include <cereal/types/memory.hpp>
#include <cereal/types/polymorphic.hpp>
#include <cereal/types/string.hpp>
#include <cereal/types/vector.hpp>
#include <memory>
#include <string>
#include <vector>

#include "plait/process/portable_call.hpp"

namespace app {

class Image {
 public:
  Image(int width, std::string name) : width_(width), name_(std::move(name)), pixels_(3, 0.5) {}
  bool operator==(const Image&) const = default;

 private:
  friend class cereal::access;
  Image() = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(CEREAL_NVP(width_), name_, pixels_);
  }
  int width_ = 0;
  std::string name_;
  std::vector<double> pixels_;
};

struct Split {
  int n = 0;
  bool flag = false;
  template <class Archive>
  void save(Archive& archive) const {
    archive(n, flag);
  }
  template <class Archive>
  void load(Archive& archive) {
    archive(n, flag);
  }
  bool operator==(const Split&) const = default;
};

struct Shape {
  virtual ~Shape() = default;
  virtual double area() const = 0;
};
struct Square : Shape {
  double side = 0;
  double area() const override { return side * side; }
  template <class Archive>
  void serialize(Archive& archive) {
    archive(side);
  }
};

}  // namespace app

CEREAL_REGISTER_TYPE(app::Square)
CEREAL_REGISTER_POLYMORPHIC_RELATION(app::Shape, app::Square)

namespace plait {
namespace {

template <class T>
T sent(const T& value) {
  Encoder out;
  out.write(value);
  Decoder in(out.bytes());
  T got = in.read<T>();
  EXPECT_EQ(in.left(), 0U);
  return got;
}

TEST(CerealTest, ClassesCrossByTheirSerialize) {
  const app::Image image(3, "name");
  EXPECT_EQ(sent(image), image);
  EXPECT_EQ(sent(app::Split{4, true}), (app::Split{4, true}));
  EXPECT_EQ(sent(std::vector<app::Split>{{4, true}, {5, false}})[1], (app::Split{5, false}));
}

TEST(CerealTest, SharedPointersCrossByCereal) {
  struct Both {
    std::shared_ptr<int> a, b;
  };
  const auto n = std::make_shared<int>(3);
  EXPECT_EQ(*sent(Both{n, n}).b, 3);
  const auto two = sent(std::make_shared<std::vector<std::shared_ptr<int>>>(2, n));
  EXPECT_EQ((*two)[0], (*two)[1]);  // one object, as it was
}

TEST(CerealTest, RegisteredDerivedClassesCross) {
  auto square = std::make_unique<app::Square>();
  square->side = 3;
  Encoder out;
  out.write(std::unique_ptr<app::Shape>(std::move(square)));
  Decoder in(out.bytes());
  EXPECT_EQ(in.read<std::unique_ptr<app::Shape>>()->area(), 9);
}

double area_of(const std::unique_ptr<app::Shape>& shape) { return shape->area(); }

TEST(CerealTest, TheyAreArgumentsOfCalls) {
  auto square = std::make_unique<app::Square>();
  square->side = 2;
  Encoder out, result;
  detail::encode_call(out, area_of, std::unique_ptr<app::Shape>(std::move(square)));
  Decoder in(out.bytes());
  detail::run_call(in, result);
  Decoder answer(result.bytes());
  EXPECT_EQ(detail::decode_result<double>(answer), 4);
}

TEST(CerealTest, NoDamagedMessageDoesHarm) {
  Encoder out;
  out.write(app::Image(3, "name"));
  for (std::size_t i = 0; i < out.size(); ++i) {
    for (const int flip : {1, 0x80, 0xff}) {
      std::vector<std::byte> bad(out.bytes().begin(), out.bytes().end());
      bad[i] ^= std::byte(flip);
      try {
        Decoder in(bad);
        in.read<app::Image>();
      } catch (const DecodeError&) {
      }
      bad.resize(i);
      Decoder in(bad);
      EXPECT_THROW(in.read<app::Image>(), DecodeError);
    }
  }
}

}  // namespace
}  // namespace plait
