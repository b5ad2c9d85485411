// RSASSA-PSS (RFC 8017 §8.1; PKCS#11 v2.40 mechanisms §2.1.9).
#pragma once

#include <openssl/types.h>
#include <p11-kit/pkcs11.h>

#include <cstddef>

#include "base/bytes.h"
#include "base/result.h"
#include "crypto/digest_to_sign.h"

namespace sealwright::crypto::rsa_pss {

// CK_RSA_PKCS_PSS_PARAMS into scheme, hash and parameters; the digest is left empty.
// Errors: CKR_MECHANISM_PARAM_INVALID for a missing one, a hash or mask generation outside SHA-2
// of 256 bits or more, or a salt that a modulus of `modulus_bits` has no room for.
Result<DigestToSign> parse_parameters(const CK_MECHANISM& mechanism, std::size_t modulus_bits);

Result<bool> verify(EVP_PKEY* key, const DigestToSign& what, ByteView signature);

}  // namespace sealwright::crypto::rsa_pss
