// expect: include <plait/cereal.hpp>
// SPDX-License-Identifier: BSL-1.0
#include <plait/process/codec.hpp>

class Image {
 public:
  template <class Archive>
  void serialize(Archive& archive) {
    archive(width_);
  }

 private:
  int width_ = 0;
};

int main() {
  plait::Encoder out;
  out.write(Image());
}
