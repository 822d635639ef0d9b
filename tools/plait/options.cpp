// SPDX-License-Identifier: BSL-1.0
#include "options.hpp"

#include <CLI/CLI.hpp>
#include <plait/version.hpp>

namespace plait::tool {
namespace {

constexpr const char* kCompareFooter = R"(
Reads every file below DIR and hashes it, one after the other, with threads, with
coroutines on one loop, with coroutines that send the hashing to threads, and with
a pool of processes; then sends 1,000 requests of 5 ms to a slow server the same
ways, but for processes. Each way runs in a process of its own: one pass to warm
up, then three rounds in rotating order.

Exit codes: 0 all files read, 1 some unread, 2 usage, 130 Ctrl-C.)";

}  // namespace

std::variant<CompareOptions, ChildOptions, EndNow> read_command_line(int argc, const char* const* argv) {
  CLI::App app("Threads, processes, coroutines: which option to choose?", "plait");
  app.set_version_flag("--version", "plait " PLAIT_VERSION, "Print the version and end");
  app.set_help_flag("-h,--help", "Print this help and end");
  app.require_subcommand(1);
  CompareOptions options;
  CLI::App* compare = app.add_subcommand("compare", "Measure the ways on the files below a directory, and advise");
  compare->add_option("DIR", options.directory, "The directory whose files are read")->required();
  compare->add_flag("--print", options.print, "Print what sha256sum prints for the files, in place of the table");
  compare->add_option("--html", options.html, "Write the table, the picture and the advice as one page")
      ->type_name("FILE");
  compare->add_option("--json", options.json, "Write all figures as JSON")->type_name("FILE");
  compare->set_version_flag("--version", "plait " PLAIT_VERSION, "Print the version and end");
  compare->footer(kCompareFooter);
  ChildOptions child;
  CLI::App* hidden = app.add_subcommand("child", "One way in a process of its own")->group("");
  hidden->add_option("part", child.part)->required();
  hidden->add_option("arguments", child.arguments);
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    return EndNow{.exit_code = 0, .text = compare->parsed() ? compare->help("plait") : app.help()};
  } catch (const CLI::CallForVersion& version) {
    return EndNow{.exit_code = 0, .text = std::string(version.what()) + '\n'};
  } catch (const CLI::ParseError& error) {
    return EndNow{.exit_code = 2, .text = std::string("plait: ") + error.what() + "\nTry `plait --help`.\n"};
  }
  if (hidden->parsed()) return child;
  return options;
}

}  // namespace plait::tool
