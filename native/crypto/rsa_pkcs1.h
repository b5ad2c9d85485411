// RSASSA-PKCS1-v1_5 (RFC 8017 §8.2; PKCS#11 v2.40 mechanisms §2.1.5).
#pragma once

#include <openssl/types.h>

#include <cstddef>

#include "base/bytes.h"
#include "base/result.h"
#include "crypto/digest_to_sign.h"

namespace sealwright::crypto::rsa_pkcs1 {

// Octets that CKM_RSA_PKCS can pad into a signature of `modulus_length` octets.
std::size_t capacity(std::size_t modulus_length);

// What CKM_RSA_PKCS was given: the digest of a DigestInfo of SHA-256, SHA-384 or SHA-512 in DER
// with NULL parameters; anything else as it is, under Hash::kNone.
DigestToSign from_raw(Bytes raw);

Result<bool> verify(EVP_PKEY* key, const DigestToSign& what, ByteView signature);

}  // namespace sealwright::crypto::rsa_pkcs1
