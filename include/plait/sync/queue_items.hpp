// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

namespace plait::detail {

/// An item that was taken, and the number by which it can be given back.
template <class T>
struct QueueTaken {
  std::optional<T> item;
  std::uint64_t number = 0;
};

/// An item in a queue and the number of its put. Can be assigned to even where a T can only be moved.
template <class T>
struct Numbered {
  Numbered(std::uint64_t n, T&& i) noexcept : number(n), item(std::move(i)) {}
  Numbered(Numbered&&) noexcept = default;
  Numbered& operator=(Numbered&& other) noexcept {
    if (this != &other) {
      std::destroy_at(this);
      std::construct_at(this, std::move(other));
    }
    return *this;
  }
  ~Numbered() = default;

  void move_to(QueueTaken<T>& taken) noexcept {
    taken.item.emplace(std::move(item));
    taken.number = number;
  }

  std::uint64_t number;
  T item;
};

/// Puts an item to where `before(other, number)` ends to hold. Throws std::bad_alloc; then nothing has happened.
template <class T, class Before>
void restore_in_order(std::vector<Numbered<T>>& items, std::uint64_t number, T& item, Before before) {
  if (items.size() == items.capacity()) items.reserve(std::max<std::size_t>(8, 2 * items.size()));
  const auto place = std::lower_bound(items.begin(), items.end(), number, before);
  items.emplace(place, number, std::move(item));
}

/// What the queues have in common whose items lie in a vector.
template <class T>
class QueueVector {
 public:
  static constexpr bool kTwoEnded = false;
  using Storage = std::vector<Numbered<T>>;

  explicit QueueVector(std::size_t) noexcept {}

  std::size_t size(std::uint64_t) const noexcept { return items_.size(); }
  bool regular() const noexcept { return true; }
  bool has_room(std::uint64_t) const noexcept { return items_.size() < items_.capacity(); }
  std::size_t wanted() const noexcept { return std::max<std::size_t>(16, 2 * items_.size()); }
  static Storage make(std::size_t wanted) {
    Storage storage;
    storage.reserve(wanted);
    return storage;
  }
  void adopt(Storage& storage, std::uint64_t) noexcept {
    if (storage.capacity() <= items_.capacity()) return;
    for (Numbered<T>& item : items_) storage.push_back(std::move(item));
    items_.swap(storage);
  }
  void skip(std::uint64_t) noexcept {}
  void release(Storage& storage, std::uint64_t) noexcept { items_.swap(storage); }

 protected:
  Storage items_;
};

}  // namespace plait::detail
