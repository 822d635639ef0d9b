# SPDX-License-Identifier: BSL-1.0
import unittest

import checker


class CheckContractsTest(checker.CheckerTest):
    checker = "check_contracts"

    def header(self, body):
        self.write("include/plait/core/x.hpp", "#pragma once\nnamespace plait {\n" + body + "\n}  // namespace plait\n")

    def missing(self, *names):
        status, lines = self.run_checker()
        self.assertEqual([line.split("`")[1] for line in lines], list(names))
        self.assertEqual(status, 1 if names else 0)

    def test_a_function_without_a_comment_is_found_with_its_line(self):
        self.header("/// Known.\nvoid known();\n\nvoid unknown(int a,\n             int b = int{3});")
        self.assert_found("include/plait/core/x.hpp:6: `unknown` has no contract comment")

    def test_a_plain_comment_is_no_contract(self):
        self.header("// Known.\nvoid known();")
        self.missing("known")

    def test_every_kind_of_name_is_seen(self):
        self.header("""
class A {};
struct B : std::vector<int> { int c = 1; };
enum class D { one, two };
using E = int;
template <class T>
concept F = requires(T t) { t.f(); };
template <class T>
  requires F<T> && (sizeof(T) > 1)
auto g(T t) -> decltype(t.f()) { return t.f(); }
inline constexpr int h{1};
template <class T>
  requires requires(T t) { t.f(); }
[[nodiscard]] T i(T t);
extern int j;
""")
        self.missing("A", "B", "c", "D", "E", "F", "g", "h", "i", "j")

    def test_comments_cover_what_follows_them(self):
        self.header("""
/// A class.
template <class T = std::vector<int>>
class [[nodiscard]] A final : public B<T> {
 public:
  /// A member.
  template <class U>
  void f(U u) { if (u) { g(); } }
  int size = 0;  ///< How many.
};
""")
        self.missing()

    def test_members_are_asked_for_where_they_are_public(self):
        self.header("""
/// A class.
class A {
  int a_;
  void f();
 public:
  void g();
  struct Inner { int x; };
 protected:
  void h();
 private:
  struct Hidden { int x; void y(); };
};
""")
        self.missing("g", "Inner", "x")

    def test_detail_is_private(self):
        self.header("namespace detail {\nvoid f();\nstruct A { int b; };\n}\nnamespace testing { void g(); }")
        self.missing("g")

    def test_overloads_share_the_comment_of_the_first(self):
        self.header("/// Runs.\nint run(int);\nint run(long);\nint stop();\nint run(char);")
        self.missing("stop", "run")

    def test_a_definition_of_what_was_declared_before_needs_no_second_comment(self):
        self.header("/// Runs.\nvoid run(int);\nclass A;\nvoid run(int) { go(); }\nvoid walk() { go(); }")
        self.missing("walk")

    def test_what_the_language_names_needs_no_words(self):
        self.header("""
class Later;
enum class Soon : int;
/// A class.
class A : public B {
 public:
  A() = default;
  explicit A(int x) : x_{x}, y_(1) { start(); }
  ~A() { stop(); }
  A(const A&) = delete;
  A& operator=(A&&) noexcept;
  friend bool operator==(const A&, const A&) = default;
  explicit operator bool() const noexcept { return true; }
  bool await_ready() const noexcept { return false; }
  int size() const noexcept { return size_; }
  using B::B;
};
template <class T>
Box(T) -> Box<T>;
inline int A::count(int x) { return x; }
template <class T>
std::vector<int> Box<T>::list() { return {}; }
static_assert(sizeof(A) == 1);
""")
        self.missing()

    def test_strings_and_macros_do_not_confuse_it(self):
        self.header("""
#define MACRO(x) \\
  void x() {
/// Text.
inline const char* text = "} void f(); { // ";
/// Raw.
inline const char* raw = R"(} " {)";
/// Character.
inline char brace = '{';
inline int million = 1'000'000;
""")
        self.missing("million")

    def test_specialisations_of_std_are_not_ours(self):
        self.write("include/plait/core/x.hpp", """
template <>
struct std::hash<plait::Id> {
  std::size_t operator()(plait::Id id) const noexcept { return id.value; }
  int more;
};
""")
        self.missing()


if __name__ == "__main__":
    unittest.main()
