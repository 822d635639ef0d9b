// SPDX-License-Identifier: BSL-1.0
#include "plait/core/strand_info.hpp"

#include <algorithm>
#include <map>
#include <ostream>
#include <string_view>
#include <tuple>
#include <unordered_map>

namespace plait {
namespace {

/// Deeper strands are drawn no further to the right.
constexpr std::size_t kMostBranches = 40;
/// So many alike are listed one by one.
constexpr std::size_t kMostAlike = 3;

class Tree {
 public:
  Tree(std::ostream& out, const std::vector<StrandInfo>& strands) : out_(out) {
    for (const StrandInfo& s : strands) by_id_.emplace(s.id, &s);
    for (const StrandInfo& s : strands) {
      if (by_id_.at(s.id) != &s) continue;  // an id that comes twice could close a circle
      const bool has_parent = s.parent != s.id && by_id_.contains(s.parent);
      has_parent ? children_[s.parent].push_back(&s) : roots_.push_back(&s);
    }
  }

  /// Depth first, with a stack of its own: chains of strands may be long. Each strand has one parent, so none comes
  /// twice, and those that are each other's parents not at all.
  void print() {
    push(roots_, "", true);
    while (!open_.empty()) {
      Entry entry = std::move(open_.back());
      open_.pop_back();
      print_line(entry);
      if (entry.strand) {
        const auto below = children_.find(entry.strand->id);
        if (below != children_.end()) push(below->second, entry.below, false);
      }
    }
  }

 private:
  struct Entry {
    /// Null: a line that counts those like the one before.
    const StrandInfo* strand;
    std::string before, below;
    std::size_t count;
    std::uint64_t like;
  };

  static auto likeness(const StrandInfo& s) {
    return std::tie(s.name, s.kind, s.state, s.wait, s.awaits_at.file, s.awaits_at.line, s.spawned_at.file,
                    s.spawned_at.line);
  }
  struct Less {
    bool operator()(const StrandInfo* a, const StrandInfo* b) const { return likeness(*a) < likeness(*b); }
  };

  /// Puts a list of siblings on the stack, the first on top.
  void push(const std::vector<const StrandInfo*>& siblings, const std::string& left, bool roots) {
    std::map<const StrandInfo*, std::size_t, Less> alike;
    for (const StrandInfo* s : siblings) {
      if (!children_.contains(s->id)) ++alike[s];
    }
    std::vector<Entry> entries;
    for (const StrandInfo* s : siblings) {
      const auto group = children_.contains(s->id) ? alike.end() : alike.find(s);
      const bool many = group != alike.end() && group->second > kMostAlike;
      if (many && group->first != s) continue;
      entries.push_back({s, {}, {}, 0, 0});
      if (many) entries.push_back({nullptr, {}, {}, group->second - 1, s->id});
    }
    const bool far = left.size() > kMostBranches * 5;
    for (std::size_t i = entries.size(); i-- > 0;) {
      const bool last = i + 1 == entries.size();
      if (!roots) {
        entries[i].before = left + (last ? "└─ " : "├─ ");
        entries[i].below = far ? left : left + (last ? "   " : "│  ");
      }
      open_.push_back(std::move(entries[i]));
    }
  }

  void print_line(const Entry& entry) {
    out_ << entry.before;
    if (entry.strand) {
      print_strand(*entry.strand);
    } else {
      out_ << "and " << entry.count << " more like #" << entry.like;
    }
    out_ << '\n';
  }

  void print_strand(const StrandInfo& s) {
    print_title(s);
    switch (s.state) {
      case StrandState::running:
        out_ << "  running";
        break;
      case StrandState::ready:
        out_ << "  ready";
        break;
      case StrandState::done:
        out_ << "  ended";
        break;
      default:
        print_wait(s);
        break;
    }
    if (s.state != StrandState::done) print_line_of(s.state == StrandState::waiting ? "at" : "after", s.awaits_at);
    print_line_of("spawned", s.spawned_at);
  }

  void print_title(const StrandInfo& s) {
    out_ << '#' << s.id;
    if (s.kind == StrandKind::thread) out_ << " thread";
    if (!s.name.empty()) {
      out_ << " \"";
      // A name is the program's own text; the terminal is not to obey it.
      for (const char c : s.name) out_ << (static_cast<unsigned char>(c) < 0x20 || c == 0x7F ? '?' : c);
      out_ << '"';
    }
    if (s.kind == StrandKind::thread) out_ << " (" << s.thread_id << ')';
  }

  void print_wait(const StrandInfo& s) {
    out_ << "  waiting";
    const auto awaited = by_id_.find(s.awaited);
    switch (s.wait) {
      case WaitKind::none:
        return;
      case WaitKind::yield:
        out_ << " for its turn";
        return;
      case WaitKind::sleep:
        out_ << ": sleep";
        return;
      case WaitKind::io:
        out_ << " for I/O";
        return;
      case WaitKind::call:
        out_ << " for a call in a thread";
        return;
      case WaitKind::lock:
        out_ << " for a lock";
        break;
      case WaitKind::primitive:
        out_ << " for a primitive";
        break;
      case WaitKind::task:
      case WaitKind::thread:
        out_ << " for ";
        if (awaited != by_id_.end()) {
          print_title(*awaited->second);
        } else {
          out_ << (s.wait == WaitKind::task ? "its children" : "a thread");
        }
        return;
    }
    if (s.object != 0) out_ << " (0x" << std::hex << s.object << std::dec << ')';
  }

  void print_line_of(std::string_view word, const SourceLine& at) {
    if (at.line != 0) out_ << "  " << word << ' ' << at.file << ':' << at.line;
  }

  std::ostream& out_;
  std::unordered_map<std::uint64_t, const StrandInfo*> by_id_;
  std::unordered_map<std::uint64_t, std::vector<const StrandInfo*>> children_;
  std::vector<const StrandInfo*> roots_;
  std::vector<Entry> open_;
};

}  // namespace

void print_strands(std::ostream& out, const std::vector<StrandInfo>& strands) {
  out << strands.size() << (strands.size() == 1 ? " strand\n" : " strands\n");
  Tree(out, strands).print();
}

}  // namespace plait
