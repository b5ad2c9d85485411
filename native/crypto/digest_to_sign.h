// What a private key is asked to sign. The artifact itself never leaves this machine.
#pragma once

#include <cstdint>
#include <optional>

#include "base/bytes.h"
#include "crypto/hash.h"

namespace sealwright::crypto {

struct Scheme;

struct PssParameters {
  Hash mgf_hash = Hash::kSha256;
  std::uint32_t salt_length = 0;  // octets
};

struct DigestToSign {
  const Scheme* scheme = nullptr;
  Hash hash = Hash::kNone;
  Bytes digest;  // of `hash`; for kNone what the tool gave, for a scheme of messages all of it
  std::optional<PssParameters> pss;  // rsa-pss only
};

}  // namespace sealwright::crypto
