// The hash algorithms, by all their names: one row each.
#pragma once

#include <p11-kit/pkcs11.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace sealwright::crypto {

// kNone: rsa-pkcs1v15 over bytes that are no SHA-2 DigestInfo, an ecdsa digest of unusual size, or
// a message as it is.
enum class Hash { kNone, kSha1, kSha224, kSha256, kSha384, kSha512 };

struct HashRow {
  Hash hash;
  std::size_t length;        // octets; 0 for kNone
  const char* openssl_name;  // null for kNone
  std::string_view name;     // of the control plane's API; empty: signs nothing
  CK_MECHANISM_TYPE mechanism;
  CK_RSA_PKCS_MGF_TYPE mgf;
  std::uint8_t oid_arc;  // the last of 2.16.840.1.101.3.4.2.* (RFC 8017 §9.2); 0 for SHA-1
};

// In the order of their numbers.
inline constexpr std::array kHashRows{
    HashRow{Hash::kNone, 0, nullptr, "none", 0, 0, 0},
    HashRow{Hash::kSha1, 20, "SHA1", "", CKM_SHA_1, CKG_MGF1_SHA1, 0},
    HashRow{Hash::kSha224, 28, "SHA2-224", "", CKM_SHA224, CKG_MGF1_SHA224, 4},
    HashRow{Hash::kSha256, 32, "SHA2-256", "sha256", CKM_SHA256, CKG_MGF1_SHA256, 1},
    HashRow{Hash::kSha384, 48, "SHA2-384", "sha384", CKM_SHA384, CKG_MGF1_SHA384, 2},
    HashRow{Hash::kSha512, 64, "SHA2-512", "sha512", CKM_SHA512, CKG_MGF1_SHA512, 3},
};

const HashRow& row_of(Hash hash);

// Those that sign; null for any other. By length: what a digest of so many octets is taken for.
const HashRow* signing_hash_of_mechanism(CK_MECHANISM_TYPE type);
const HashRow* signing_hash_of_mgf(CK_RSA_PKCS_MGF_TYPE type);
const HashRow* signing_hash_of_length(std::size_t length);

// Those that C_Digest computes; null for any other.
const HashRow* digest_of_mechanism(CK_MECHANISM_TYPE type);

}  // namespace sealwright::crypto
