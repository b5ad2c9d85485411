// The table of mechanisms: the only place that knows which CKM_ means what.
#pragma once

#include <p11-kit/pkcs11.h>

#include <optional>
#include <span>
#include <vector>

#include "crypto/public_key.h"

namespace sealwright::crypto {

enum class DigestAlgorithm { kSha1, kSha224, kSha256, kSha384, kSha512 };
enum class MechanismFamily { kRsaPkcs1, kRsaPss, kEcdsa, kDigest };

struct MechanismSpec {
  CK_MECHANISM_TYPE type;
  MechanismFamily family;
  std::optional<DigestAlgorithm> digest;  // none: the caller brings the digest (CKM_RSA_PKCS, …)
};

const MechanismSpec* find_mechanism(CK_MECHANISM_TYPE type);  // null: not offered

// The exact list of a token with such a key: its signature mechanisms, then the digests.
std::vector<CK_MECHANISM_TYPE> mechanisms_for(KeyKind kind);

// CK_MECHANISM_INFO as C_GetMechanismInfo gives it; none: not on a token with this key.
std::optional<CK_MECHANISM_INFO> mechanism_info(CK_MECHANISM_TYPE type, KeyKind kind);

}  // namespace sealwright::crypto
