// SPDX-License-Identifier: BSL-1.0
#include "tls/openssl.hpp"

#include <openssl/err.h>

#include <system_error>

namespace plait::detail {

std::string take_openssl_reason() {
  const unsigned long error = ERR_get_error();
  ERR_clear_error();
  if (error == 0) return "OpenSSL gives no reason";
  if (ERR_SYSTEM_ERROR(error)) return std::generic_category().message(ERR_GET_REASON(error));
  if (const char* reason = ERR_reason_error_string(error)) return reason;
  char text[256];
  ERR_error_string_n(error, text, sizeof text);
  return text;
}

}  // namespace plait::detail
