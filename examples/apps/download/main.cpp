// SPDX-License-Identifier: BSL-1.0
#include <CLI/CLI.hpp>
#include <cstdio>

#include "download.hpp"

int main(int argc, char** argv) {
  download::Settings settings;
  std::vector<std::string> urls;
  double stall = 30, pause = 1;
  CLI::App app("Downloads files from the web, several at a time. What was interrupted goes on where it stopped.");
  app.add_option("URL", urls, "what to fetch")->required();
  app.add_option("-d,--folder", settings.folder, "where to put it")->capture_default_str();
  app.add_option("-j,--at-once", settings.at_once, "so many at a time")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  app.add_option("-r,--retries", settings.retries, "after an error that may pass")
      ->capture_default_str()
      ->check(CLI::NonNegativeNumber);
  app.add_option("--stall", stall, "seconds without a byte that are such an error")->capture_default_str();
  app.add_option("--pause", pause, "seconds before the first retry")->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  settings.stall = std::chrono::duration_cast<plait::Duration>(std::chrono::duration<double>(stall));
  settings.pause = std::chrono::duration_cast<plait::Duration>(std::chrono::duration<double>(pause));

  // Ctrl-C cancels it: the .part files stay, and the program ends as the signal wants it.
  bool good = true;
  try {
    for (const download::Outcome& one : plait::run(download::all(std::move(urls), settings))) {
      if (one.error.empty()) {
        std::printf("%s: %lld bytes\n", one.file.c_str(), static_cast<long long>(one.bytes));
      } else {
        std::fprintf(stderr, "download: %s: %s\n", one.url.c_str(), one.error.c_str());
        good = false;
      }
    }
  } catch (const std::exception& error) {
    std::fprintf(stderr, "download: %s\n", error.what());
    return 1;
  }
  return good ? 0 : 1;
}
