// ECDSA (FIPS 186-4 §6; PKCS#11 v2.40 mechanisms §2.3.1, signatures r‖s).
#pragma once

#include <cstddef>
#include <optional>

#include "crypto/scheme.h"

namespace sealwright::crypto::ecdsa {

// CKM_ECDSA is given one to 64 octets, and is taken to have the hash whose digests are so long;
// kNone for odd lengths. Whoever signs or verifies takes the leftmost bits when there are more than
// the group order has.
extern const Scheme kScheme;

// r‖s as `length` octets, where both halves of a shorter `signature` lack leading zeros; none when
// it is empty, of odd length or longer.
std::optional<Bytes> lengthen(ByteView signature, std::size_t length);

}  // namespace sealwright::crypto::ecdsa
