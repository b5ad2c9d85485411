// The digest that names a token.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace sealwright::token {

// CK_TOKEN_INFO.serialNumber: the first 16 lower-case hex digits of the SHA-256 of `identity`.
Result<std::string> serial_number(std::string_view identity);

}  // namespace sealwright::token
