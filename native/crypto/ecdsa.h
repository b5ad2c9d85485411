// ECDSA (FIPS 186-4 §6; PKCS#11 v2.40 mechanisms §2.3.1, signatures r‖s).
#pragma once

#include <openssl/types.h>

#include <cstddef>
#include <optional>

#include "base/bytes.h"
#include "base/result.h"
#include "crypto/digest_to_sign.h"

namespace sealwright::crypto::ecdsa {

// Octets that CKM_ECDSA takes: the longest digest there is.
constexpr std::size_t kCapacity = 64;

// What CKM_ECDSA was given, with the hash that has digests of this length; kNone for odd lengths.
// Whoever signs or verifies takes the leftmost bits when it is longer than the group order.
// Errors: CKR_DATA_LEN_RANGE for nothing at all.
Result<DigestToSign> from_raw(Bytes raw);

// r‖s as `length` octets, where both halves of a shorter `signature` lack leading zeros; none when
// it is empty, of odd length or longer.
std::optional<Bytes> pad(ByteView signature, std::size_t length);

Result<bool> verify(EVP_PKEY* key, const DigestToSign& what, ByteView signature);

}  // namespace sealwright::crypto::ecdsa
