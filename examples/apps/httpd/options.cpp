// SPDX-License-Identifier: BSL-1.0
#include "options.hpp"

#include <CLI/CLI.hpp>
#include <charconv>
#include <cstdio>
#include <stdexcept>
#include <string_view>

namespace httpd {
namespace {

constexpr const char* kFooter = R"(
The first Ctrl-C (or SIGTERM) stops the server when what is in flight has been
answered, at the latest after the grace; the second one at once.

Exit codes: 0 stopped, and nothing was cut off; 1 it could not go on; 2 usage;
3 stopped, and requests in flight were cut off.)";

void add_seconds(CLI::App& app, const char* name, plait::Duration& into, const char* what) {
  app.add_option_function<double>(
         name,
         [&into](double s) { into = std::chrono::duration_cast<plait::Duration>(std::chrono::duration<double>(s)); },
         what)
      ->type_name("SECONDS")
      ->check(CLI::PositiveNumber);
}

}  // namespace

Route read_route(const std::string& text) {
  const auto refuse = [&] { return std::invalid_argument("\"" + text + "\" is not /prefix=http://host:port"); };
  constexpr std::string_view kScheme = "=http://";
  const std::size_t scheme = text.find(kScheme);
  if (!text.starts_with('/') || scheme == std::string::npos) throw refuse();
  Route route;
  route.prefix = text.substr(0, scheme);
  std::string rest = text.substr(scheme + kScheme.size());
  if (const std::size_t slash = rest.find('/'); slash != std::string::npos) {
    route.base = rest.substr(slash);
    rest.resize(slash);
  }
  const std::size_t colon = rest.rfind(':');
  route.host = rest.substr(0, colon);
  if (colon != std::string::npos) {
    const char* const end = rest.data() + rest.size();
    const auto read = std::from_chars(rest.data() + colon + 1, end, route.port);
    if (read.ec != std::errc() || read.ptr != end || route.port < 1 || route.port > 65535) throw refuse();
  }
  if (route.host.empty()) throw refuse();
  return route;
}

std::optional<Settings> read_command_line(int argc, const char* const* argv, int& exit_code) {
  CLI::App app("A file server and reverse proxy for HTTP/1.1, on Plait.", "httpd");
  app.footer(kFooter);
  Settings s;
  std::vector<std::string> routes;
  app.add_option("--address", s.address, "Where to listen (default 127.0.0.1)");
  app.add_option("--port", s.port, "The port (default 8080; 0: a free one)")->check(CLI::Range(0, 65535));
  app.add_option("--root", s.root, "The folder whose files are served");
  app.add_option("--proxy", routes, "/prefix=http://host:port[/base]: requests below it go there; may be repeated");
  auto* certificate = app.add_option("--tls-cert", s.tls_certificate, "PEM; with it the server speaks TLS");
  app.add_option("--tls-key", s.tls_key, "PEM")->needs(certificate);
  app.add_option("--log", s.log, "The access log, a file that is appended to");
  app.add_option("--loops,--threads", s.loops, "Event loops, a thread each, on one port (default 1)")
      ->check(CLI::Range(1, 256));
  app.add_option("--max-connections", s.max_connections, "At a time; others wait (default 1024)")
      ->check(CLI::PositiveNumber);
  app.add_option("--max-head", s.max_head, "Bytes of a request's head (default 16384)")
      ->check(CLI::Range(256, 1 << 20));
  app.add_option("--max-body", s.max_body, "Bytes of a request's body (default 64 MiB)");
  app.add_option("--body-rate", s.body_rate, "Bytes a second that a body has to come at (default 1024)");
  add_seconds(app, "--head-timeout", s.head_timeout, "For a request's head (default 10)");
  add_seconds(app, "--body-timeout", s.body_timeout, "For a body, beside its rate (default 20)");
  add_seconds(app, "--idle-timeout", s.idle_timeout, "Without a request (default 60)");
  add_seconds(app, "--write-timeout", s.write_timeout, "Of a client that takes nothing (default 30)");
  add_seconds(app, "--upstream-timeout", s.upstream_timeout, "Of the server behind (default 30)");
  add_seconds(app, "--grace", s.grace, "For what is in flight at the end (default 10)");
  try {
    app.parse(argc, argv);
    for (const std::string& text : routes) s.routes.push_back(read_route(text));
    if (s.root.empty() && s.routes.empty()) throw std::invalid_argument("--root or --proxy is needed");
    if (s.tls_certificate.empty() != s.tls_key.empty()) throw std::invalid_argument("--tls-key is needed as well");
    return s;
  } catch (const CLI::CallForHelp&) {
    std::fputs(app.help().c_str(), stdout);
    exit_code = 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "httpd: %s\nTry `httpd --help`.\n", error.what());
    exit_code = 2;
  }
  return std::nullopt;
}

}  // namespace httpd
