// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <concepts>
#include <cstdint>
#include <functional>
#include <memory>
#include <type_traits>
#include <utility>

#include "plait/base/intrusive_list.hpp"

namespace plait {
namespace detail {

class LocalCore;
class ThreadStrand;
struct ThreadValues;

/// Links of a value: in the list of its thread, and in that of its Local.
struct OfThread {};
struct OfLocal {};

/// One thread's value of one Local; `Local<T>` derives the one that holds it.
class LocalValue : public TaggedLink<OfThread>, public TaggedLink<OfLocal> {
 public:
  LocalValue() = default;
  LocalValue(const LocalValue&) = delete;
  LocalValue& operator=(const LocalValue&) = delete;
  /// What it held is gone by now: tells its Local.
  virtual ~LocalValue();

 private:
  friend class LocalCore;
  /// Guarded by the lock of local.cpp. Null: not adopted; let go by the Local.
  ThreadValues* thread_ = nullptr;
  LocalCore* owner_ = nullptr;
};

/// What does not depend on the type.
class LocalCore {
 public:
  LocalCore();
  LocalCore(const LocalCore&) = delete;
  LocalCore& operator=(const LocalCore&) = delete;
  ~LocalCore();

  /// The calling thread's value, or null. Not inline, as it reads a thread-local.
  LocalValue* find() const noexcept;
  /// Makes `value` that of the calling thread, which has none.
  LocalValue& adopt(std::unique_ptr<LocalValue> value);
  /// Destroys the calling thread's value, if there is one.
  void reset() noexcept;

  /// Round a fork: nobody else is in the middle of a change.
  static void before_fork() noexcept;
  static void after_fork() noexcept;

 private:
  friend LocalValue;
  using Values = IntrusiveList<LocalValue, TaggedLink<OfLocal>>;
  static void end_of_thread(void* values);
  static void end_value(LocalValue& value) noexcept;

  const std::uint64_t serial_;
  const std::uint32_t index_;
  Values values_;
  /// Those that their threads are just destroying, and who waits for it.
  Values dying_;
  ThreadStrand* waiter_ = nullptr;
};

}  // namespace detail

/// Storage with a value of its own for each thread (threading.local): a member or a local object, where `thread_local`
/// is for statics. A thread's value is made when it first asks for it, and destroyed at the end of that thread, or with
/// the Local, whichever is first; destructors of `thread_local` objects may use it as well.
///
/// Each thread uses its own value, so nothing needs a lock. Tasks of a loop share their thread's: a task that wants a
/// value of its own takes a ContextVar, and none keeps a reference across a `co_await`. Nobody may use the Local while
/// it is destroyed, which waits for values whose threads are just ending; values are then destroyed on the thread that
/// destroys the Local. The order of the destructors of one thread's values is the reverse of their making; one that
/// uses another Local makes a new value there if that is gone.
template <class T>
  requires std::is_object_v<T>
class Local {
 public:
  /// Each thread begins with a T made without arguments.
  Local()
    requires std::default_initializable<T>
      : make_([] { return std::make_unique<Value>(); }) {}
  /// Each thread begins with a copy of `initial`, made as it first asks.
  explicit Local(T initial)
    requires std::copy_constructible<T>
      : make_([initial = std::move(initial)] { return std::make_unique<Value>(initial); }) {}
  /// Each thread begins with what `factory()` gives, called on that thread, perhaps by several at once. What it throws
  /// comes out of `get`, and the next `get` calls it again.
  template <class F>
    requires(std::is_invocable_r_v<T, const F&> && !std::is_same_v<F, T> && std::copy_constructible<F>)
  explicit Local(F factory)
      : make_([factory = std::move(factory)] { return std::make_unique<Value>(FromCall{}, factory); }) {}

  /// The calling thread's value. Its address stays.
  T& get() {
    detail::LocalValue* value = core_.find();
    if (!value) [[unlikely]]
      value = &core_.adopt(make_());
    return static_cast<Value&>(*value).held;
  }
  T& operator*() { return get(); }
  T* operator->() { return std::addressof(get()); }
  /// Whether the calling thread has a value yet.
  bool has_value() const noexcept { return core_.find() != nullptr; }
  /// Destroys the calling thread's value; the next `get` makes a new one.
  void reset() noexcept { core_.reset(); }

 private:
  struct FromCall {};
  struct Value final : detail::LocalValue {
    Value() : held() {}
    explicit Value(const T& initial) : held(initial) {}
    template <class F>
    Value(FromCall, const F& factory) : held(std::invoke(factory)) {}
    T held;
  };

  const std::function<std::unique_ptr<Value>()> make_;
  detail::LocalCore core_;
};

}  // namespace plait
