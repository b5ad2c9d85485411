// Mechanisms by their numbers: those of signatures from the kinds of keys, the others from the
// hashes.
#pragma once

#include <p11-kit/pkcs11.h>

#include <optional>
#include <vector>

#include "crypto/key_kind.h"

namespace sealwright::crypto {

// Null: no mechanism of signatures that is offered, by no kind of key.
const SignatureMechanism* find_signature_mechanism(CK_MECHANISM_TYPE type);

// The exact list of a token with a key of one of these kinds: its signature mechanisms, then the
// digests.
std::vector<CK_MECHANISM_TYPE> mechanisms_for(std::span<const KeyKind* const> kinds);

// CK_MECHANISM_INFO as C_GetMechanismInfo gives it; none: not on a token with such a key.
std::optional<CK_MECHANISM_INFO> mechanism_info(CK_MECHANISM_TYPE type,
                                                std::span<const KeyKind* const> kinds);

}  // namespace sealwright::crypto
