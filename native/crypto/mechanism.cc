#include "crypto/mechanism.h"

#include <algorithm>
#include <array>

namespace sealwright::crypto {
namespace {

using enum MechanismFamily;
using enum DigestAlgorithm;

constexpr std::array kMechanisms{
    MechanismSpec{CKM_RSA_PKCS, kRsaPkcs1, std::nullopt},
    MechanismSpec{CKM_SHA256_RSA_PKCS, kRsaPkcs1, kSha256},
    MechanismSpec{CKM_SHA384_RSA_PKCS, kRsaPkcs1, kSha384},
    MechanismSpec{CKM_SHA512_RSA_PKCS, kRsaPkcs1, kSha512},
    MechanismSpec{CKM_RSA_PKCS_PSS, kRsaPss, std::nullopt},
    MechanismSpec{CKM_SHA256_RSA_PKCS_PSS, kRsaPss, kSha256},
    MechanismSpec{CKM_SHA384_RSA_PKCS_PSS, kRsaPss, kSha384},
    MechanismSpec{CKM_SHA512_RSA_PKCS_PSS, kRsaPss, kSha512},
    MechanismSpec{CKM_ECDSA, kEcdsa, std::nullopt},
    MechanismSpec{CKM_ECDSA_SHA256, kEcdsa, kSha256},
    MechanismSpec{CKM_ECDSA_SHA384, kEcdsa, kSha384},
    MechanismSpec{CKM_ECDSA_SHA512, kEcdsa, kSha512},
    MechanismSpec{CKM_SHA_1, kDigest, kSha1},
    MechanismSpec{CKM_SHA224, kDigest, kSha224},
    MechanismSpec{CKM_SHA256, kDigest, kSha256},
    MechanismSpec{CKM_SHA384, kDigest, kSha384},
    MechanismSpec{CKM_SHA512, kDigest, kSha512},
};

bool fits(const MechanismSpec& spec, KeyKind kind) {
  switch (spec.family) {
    case kRsaPkcs1:
    case kRsaPss:
      return kind == KeyKind::kRsa;
    case kEcdsa:
      return kind == KeyKind::kEc;
    case kDigest:
      return true;
  }
  return false;
}

}  // namespace

const MechanismSpec* find_mechanism(CK_MECHANISM_TYPE type) {
  const auto* found = std::ranges::find(kMechanisms, type, &MechanismSpec::type);
  return found == kMechanisms.end() ? nullptr : found;
}

std::vector<CK_MECHANISM_TYPE> mechanisms_for(KeyKind kind) {
  std::vector<CK_MECHANISM_TYPE> types;
  types.reserve(kMechanisms.size());
  for (const MechanismSpec& spec : kMechanisms) {
    if (fits(spec, kind)) types.push_back(spec.type);
  }
  return types;
}

std::optional<CK_MECHANISM_INFO> mechanism_info(CK_MECHANISM_TYPE type, KeyKind kind) {
  const MechanismSpec* spec = find_mechanism(type);
  if (spec == nullptr || !fits(*spec, kind)) return std::nullopt;
  // Never CKF_HW: the signature is made by a service, the rest by this library.
  constexpr CK_FLAGS kSignature = CKF_SIGN | CKF_VERIFY;
  switch (spec->family) {
    case kRsaPkcs1:
    case kRsaPss:
      return CK_MECHANISM_INFO{2048, 4096, kSignature};
    case kEcdsa:
      return CK_MECHANISM_INFO{256, 521,
                               kSignature | CKF_EC_F_P | CKF_EC_NAMEDCURVE | CKF_EC_UNCOMPRESS};
    case kDigest:
      return CK_MECHANISM_INFO{0, 0, CKF_DIGEST};
  }
  return std::nullopt;
}

}  // namespace sealwright::crypto
