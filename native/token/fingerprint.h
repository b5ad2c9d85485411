// Digests that name things: a token's serial number, a certificate's check value.
#pragma once

#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"
#include "crypto/mechanism.h"

namespace sealwright::token {

Result<Bytes> fingerprint(crypto::DigestAlgorithm algorithm, ByteView content);

// CK_TOKEN_INFO.serialNumber: the first 16 lower-case hex digits of the SHA-256 of `identity`.
Result<std::string> serial_number(std::string_view identity);

}  // namespace sealwright::token
