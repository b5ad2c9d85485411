#include "crypto/hash.h"

namespace sealwright::crypto {

std::size_t hash_length(Hash hash) {
  switch (hash) {
    case Hash::kSha256:
      return 32;
    case Hash::kSha384:
      return 48;
    case Hash::kSha512:
      return 64;
    case Hash::kNone:
      break;
  }
  return 0;
}

const char* openssl_name(Hash hash) {
  switch (hash) {
    case Hash::kSha256:
      return "SHA256";
    case Hash::kSha384:
      return "SHA384";
    case Hash::kSha512:
      return "SHA512";
    case Hash::kNone:
      break;
  }
  return nullptr;
}

Hash hash_of(DigestAlgorithm algorithm) {
  switch (algorithm) {
    case DigestAlgorithm::kSha256:
      return Hash::kSha256;
    case DigestAlgorithm::kSha384:
      return Hash::kSha384;
    case DigestAlgorithm::kSha512:
      return Hash::kSha512;
    case DigestAlgorithm::kSha1:
    case DigestAlgorithm::kSha224:
      break;
  }
  return Hash::kNone;
}

std::optional<Hash> hash_of_mechanism(CK_MECHANISM_TYPE type) {
  switch (type) {
    case CKM_SHA256:
      return Hash::kSha256;
    case CKM_SHA384:
      return Hash::kSha384;
    case CKM_SHA512:
      return Hash::kSha512;
    default:
      return std::nullopt;
  }
}

std::optional<Hash> hash_of_mgf(CK_RSA_PKCS_MGF_TYPE type) {
  switch (type) {
    case CKG_MGF1_SHA256:
      return Hash::kSha256;
    case CKG_MGF1_SHA384:
      return Hash::kSha384;
    case CKG_MGF1_SHA512:
      return Hash::kSha512;
    default:
      return std::nullopt;
  }
}

}  // namespace sealwright::crypto
