// SPDX-License-Identifier: BSL-1.0
// httpd: a file server and reverse proxy for HTTP/1.1. README.md says what it shows, and where.
#include <cstdio>
#include <exception>

#include "options.hpp"
#include "server.hpp"

int main(int argc, char** argv) {
  int exit_code = 0;
  const auto settings = httpd::read_command_line(argc, argv, exit_code);
  if (!settings) return exit_code;
#ifndef HTTPD_TLS
  if (!settings->tls_certificate.empty()) {
    std::fputs("httpd: this one was built without OpenSSL\n", stderr);
    return 2;
  }
#endif
  try {
    return httpd::run_server(*settings);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "httpd: %s\n", error.what());
    return 1;
  }
}
