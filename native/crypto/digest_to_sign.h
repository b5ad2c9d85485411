// What a private key is asked to sign. The artifact itself never leaves this machine.
#pragma once

#include <cstdint>
#include <optional>

#include "base/bytes.h"

namespace sealwright::crypto {

enum class Scheme { kRsaPkcs1v15, kRsaPss, kEcdsa };

// kNone: rsa-pkcs1v15 over bytes that are no SHA-2 DigestInfo, or an ecdsa digest of unusual size.
enum class Hash { kNone, kSha256, kSha384, kSha512 };

struct PssParameters {
  Hash mgf_hash = Hash::kSha256;
  std::uint32_t salt_length = 0;  // octets
};

struct DigestToSign {
  Scheme scheme = Scheme::kRsaPkcs1v15;
  Hash hash = Hash::kNone;
  Bytes digest;                      // of `hash`; for kNone whatever the tool gave
  std::optional<PssParameters> pss;  // kRsaPss only
};

}  // namespace sealwright::crypto
