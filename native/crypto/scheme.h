// A signature scheme: how a mechanism's parameters and data become what is signed, how a signature
// is checked, and what the control plane calls it. One constant each.
#pragma once

#include <openssl/types.h>
#include <p11-kit/pkcs11.h>

#include <cstddef>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"
#include "crypto/digest_to_sign.h"

namespace sealwright::crypto {

class PublicKey;

struct Scheme {
  std::string_view name;  // of the control plane's API
  bool signs_message;     // the message travels, in the place of a digest
  bool has_encodings;     // signatures are r‖s or DER: the first is asked for

  // Scheme, hash and parameters as the mechanism has them (`hash` is the mechanism's own, kNone: a
  // raw one); the digest comes later.
  // Errors: CKR_MECHANISM_PARAM_INVALID.
  Result<DigestToSign> (*begin)(const CK_MECHANISM& mechanism, Hash hash, const PublicKey& key);
  // Octets that a raw mechanism collects at most.
  std::size_t (*capacity)(const DigestToSign& form, const PublicKey& key);
  // What a raw mechanism was given. Errors: CKR_DATA_LEN_RANGE.
  Result<DigestToSign> (*from_raw)(DigestToSign form, Bytes raw);
  // `signature` has the length that the key makes them.
  Result<bool> (*verify)(EVP_PKEY* key, const DigestToSign& what, ByteView signature);
};

// For schemes whose mechanisms take no parameters.
// Errors: CKR_MECHANISM_PARAM_INVALID for any.
Result<DigestToSign> without_parameters(const Scheme& scheme, const CK_MECHANISM& mechanism,
                                        Hash hash);

}  // namespace sealwright::crypto
