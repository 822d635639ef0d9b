// SPDX-License-Identifier: BSL-1.0
#include "plait/tls/tls_error.hpp"

#include <utility>

namespace plait {
namespace {

std::string sentence(const TlsError::Facts& facts) {
  std::string text = "TLS: " + facts.operation + " " + facts.peer + ": " + facts.reason;
  if (!facts.verification.empty()) text += ": " + facts.verification;
  return text;
}

}  // namespace

TlsError::TlsError(Facts facts) : std::runtime_error(sentence(facts)), facts_(std::move(facts)) {}

}  // namespace plait
