// RSASSA-PSS (RFC 8017 §8.1; PKCS#11 v2.40 mechanisms §2.1.9).
#pragma once

#include "crypto/scheme.h"

namespace sealwright::crypto::rsa_pss {

// Refused parameters: a missing one, a hash or mask generation outside SHA-2 of 256 bits or more,
// a hash that is not the mechanism's, a salt that the modulus has no room for.
extern const Scheme kScheme;

}  // namespace sealwright::crypto::rsa_pss
