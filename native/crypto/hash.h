// The hash algorithms of signatures, by their other names.
#pragma once

#include <p11-kit/pkcs11.h>

#include <cstddef>
#include <optional>

#include "crypto/digest_to_sign.h"
#include "crypto/mechanism.h"

namespace sealwright::crypto {

std::size_t hash_length(Hash hash);       // octets; 0 for kNone
const char* openssl_name(Hash hash);      // null for kNone
Hash hash_of(DigestAlgorithm algorithm);  // kNone: no hash of signatures (SHA-1, SHA-224)

// None: not one of CKM_SHA256, CKM_SHA384, CKM_SHA512.
std::optional<Hash> hash_of_mechanism(CK_MECHANISM_TYPE type);
// None: not one of CKG_MGF1_SHA256, CKG_MGF1_SHA384, CKG_MGF1_SHA512.
std::optional<Hash> hash_of_mgf(CK_RSA_PKCS_MGF_TYPE type);

}  // namespace sealwright::crypto
