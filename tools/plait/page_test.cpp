// SPDX-License-Identifier: BSL-1.0
#include "page.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <regex>

#include "test_support.hpp"

namespace plait::tool {
namespace {

std::vector<LaneGroup> three_lanes() {
  return {{.way = "one",
           .wall_s = 0.5,
           .lanes = {{.name = "main", .begin = 0, .end = 0.5, .running = {{0.1, 0.1}, {0.5, 0.5}}}}},
          {.way = "two",
           .wall_s = 0.25,
           .lanes = {{.name = "a", .begin = 0, .end = 0.25, .running = {{0, 0.25}}},
                     {.name = "b", .begin = 0.1, .end = 0.2, .running = {{0.15, 0.15}}}}}};
}

std::string page() {
  const Advice advice{.silence = "nothing <to> say & more", .recommendations = {}};
  return html_page("dir<name>", Figures{}, three_lanes(), advice);
}

TEST(PageTest, NeedsNothingFromAnywhereElse) {
  const std::string html = page();
  for (const char* word : {"src=", "href=", "http:", "https:", "@import", "url(", "<script"}) {
    EXPECT_EQ(html.find(word), std::string::npos) << word;
  }
}

TEST(PageTest, EscapesWhatComesFromOutside) {
  const std::string html = page();
  EXPECT_NE(html.find("dir&lt;name&gt;"), std::string::npos);
  EXPECT_NE(html.find("nothing &lt;to&gt; say &amp; more"), std::string::npos);
  EXPECT_EQ(html.find("<name>"), std::string::npos);
}

/// What Chromium makes of the page: a script added to it writes the place of every rectangle into the document.
std::string laid_out_by_chromium(const std::string& html) {
  testing::TempDirectory directory;
  const std::string script = R"(<script>
    const placed = [...document.querySelectorAll('.lane')].map(lane =>
        [...lane.querySelectorAll('rect')].map(rect => {
          const at = rect.getBoundingClientRect();
          return `${rect.getAttribute('class')}:${Math.round(at.left)}:${Math.round(at.right)}:` +
              `${at.width > 0 && at.height > 0 && at.right <= innerWidth}:${getComputedStyle(rect).fill}`;
        }).join(' '));
    document.body.innerHTML = `<pre>${placed.join('\n')}</pre>`;
  </script></body>)";
  std::string with_script = html;
  with_script.replace(with_script.find("</body>"), 7, script);
  const std::string file = directory.write("page.html", with_script);
  return testing::shell(
             "timeout 120 chromium --headless --no-sandbox --disable-gpu --disable-quic --no-first-run"
             " --disable-background-networking --disable-component-update --disable-sync --user-data-dir='" +
             directory / "profile" + "' --window-size=1000,900 --dump-dom 'file://" + file + "' 2>/dev/null")
      .out;
}

TEST(PageTest, ChromiumShowsEachLaneInsideTheWindow) {
  if (testing::shell("command -v chromium").exit_code != 0) {
    GTEST_SKIP() << "chromium is not installed: apt install chromium";
  }
  const std::string dom = laid_out_by_chromium(page());
  const std::regex rectangle("(ran|waited):(\\d+):(\\d+):(true|false):(rgb[^)]*\\))");
  struct Seen {
    std::string kind, colour;
    int left, right;
  };
  std::vector<Seen> seen;
  for (std::sregex_iterator it(dom.begin(), dom.end(), rectangle), end; it != end; ++it) {
    EXPECT_EQ((*it)[4], "true") << "not visible: " << it->str();
    seen.push_back({(*it)[1], (*it)[5], std::stoi((*it)[2]), std::stoi((*it)[3])});
  }
  // Each lane is one waited rectangle, and one for each time it ran: 1+2, 1+1, 1+1.
  ASSERT_EQ(seen.size(), 7U) << dom;
  EXPECT_NE(seen[0].colour, seen[1].colour) << "running and waiting look different";
  EXPECT_EQ(seen[0].kind, "waited");
  EXPECT_LT(seen[1].right, seen[2].left) << "0.1 s is left of 0.5 s";
  EXPECT_LE(seen[2].right, seen[0].right + 1);
  EXPECT_EQ(seen[3].left, seen[0].left) << "both lanes begin at 0 of one axis";
  EXPECT_NEAR(2 * (seen[3].right - seen[3].left), seen[0].right - seen[0].left, 4) << "0.25 s is half of 0.5 s";
  EXPECT_GT(seen[5].left, seen[3].left) << "0.1 s is right of 0";
}

}  // namespace
}  // namespace plait::tool
