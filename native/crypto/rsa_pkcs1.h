// RSASSA-PKCS1-v1_5 (RFC 8017 §8.2; PKCS#11 v2.40 mechanisms §2.1.5).
#pragma once

#include "crypto/scheme.h"

namespace sealwright::crypto::rsa_pkcs1 {

// CKM_RSA_PKCS is given a DigestInfo of SHA-256, SHA-384 or SHA-512 in DER with NULL parameters,
// whose digest is signed; anything else is signed as it is, under Hash::kNone.
extern const Scheme kScheme;

}  // namespace sealwright::crypto::rsa_pkcs1
