#include "crypto/mechanism.h"

#include <algorithm>

#include "crypto/hash.h"

namespace sealwright::crypto {
namespace {

const SignatureMechanism* find(const KeyKind& kind, CK_MECHANISM_TYPE type) {
  const auto found = std::ranges::find(kind.mechanisms, type, &SignatureMechanism::type);
  return found == kind.mechanisms.end() ? nullptr : &*found;
}

}  // namespace

const SignatureMechanism* find_signature_mechanism(CK_MECHANISM_TYPE type) {
  for (const KeyKind* kind : kKeyKinds) {
    if (const SignatureMechanism* found = find(*kind, type)) return found;
  }
  return nullptr;
}

std::vector<CK_MECHANISM_TYPE> mechanisms_for(std::span<const KeyKind* const> kinds) {
  std::vector<CK_MECHANISM_TYPE> types;
  for (const KeyKind* kind : kinds) {
    std::ranges::transform(kind->mechanisms, std::back_inserter(types), &SignatureMechanism::type);
  }
  for (const HashRow& row : kHashRows) {
    if (row.hash != Hash::kNone) types.push_back(row.mechanism);
  }
  return types;
}

std::optional<CK_MECHANISM_INFO> mechanism_info(CK_MECHANISM_TYPE type,
                                                std::span<const KeyKind* const> kinds) {
  if (digest_of_mechanism(type) != nullptr) return CK_MECHANISM_INFO{0, 0, CKF_DIGEST};
  for (const KeyKind* kind : kinds) {
    if (find(*kind, type) == nullptr) continue;
    // Never CKF_HW: the signature is made by a service, the rest by this library.
    return CK_MECHANISM_INFO{kind->fewest_bits, kind->most_bits,
                             CKF_SIGN | CKF_VERIFY | kind->flags};
  }
  return std::nullopt;
}

}  // namespace sealwright::crypto
