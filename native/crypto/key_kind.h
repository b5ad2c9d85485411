// The kinds of keys: one constant each, in a file of its own, and a line in the table below.
#pragma once

#include <openssl/types.h>
#include <p11-kit/pkcs11.h>

#include <array>
#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "crypto/hash.h"

namespace sealwright::crypto {

struct Scheme;

// A mechanism that signs and verifies.
struct SignatureMechanism {
  CK_MECHANISM_TYPE type;
  const Scheme* scheme;
  Hash hash;  // kNone: a raw one, the caller brings what is signed
};

struct KeyAttribute {
  CK_ATTRIBUTE_TYPE type;
  Bytes value;                 // as C_GetAttributeValue gives it
  bool of_private_key = true;  // of the public key always
};

// What a key of some kind shows.
struct KeyValues {
  std::size_t bits = 0;              // of the modulus or the group order
  std::size_t signature_length = 0;  // octets
  Bytes encoded;                     // what the BIT STRING of the SubjectPublicKeyInfo holds
  std::vector<KeyAttribute> attributes;
};

struct KeyKind {
  const char* openssl_name;
  CK_KEY_TYPE type;
  CK_MECHANISM_TYPE generation;  // what made such a key pair
  std::span<const SignatureMechanism> mechanisms;
  // Of CK_MECHANISM_INFO, for each of these mechanisms.
  CK_ULONG fewest_bits, most_bits;
  CK_FLAGS flags;
  std::span<const CK_ATTRIBUTE_TYPE> secrets;  // that a private key has and never tells

  // Whether the content of a SubjectPublicKeyInfo begins with an algorithm of this kind.
  bool (*begins)(ByteView spki_content);
  // Errors: CKR_DEVICE_ERROR with the reason why it is not to be used, CKR_HOST_MEMORY.
  Result<KeyValues> (*read)(const EVP_PKEY* key);
  // The attributes that a template must bring to make a public key of this kind, and the
  // SubjectPublicKeyInfo of their values, for `PublicKey::parse` to judge. Errors:
  // CKR_ATTRIBUTE_VALUE_INVALID, CKR_DOMAIN_PARAMS_INVALID, CKR_CURVE_NOT_SUPPORTED.
  std::array<CK_ATTRIBUTE_TYPE, 2> parts;
  Result<Bytes> (*spki)(ByteView first, ByteView second);
  // A signature to verify in full length, where shorter ones are allowed; null: they are not.
  std::optional<Bytes> (*lengthen)(ByteView signature, std::size_t length);
};

extern const KeyKind kRsa;
extern const KeyKind kEc;
extern const KeyKind kEdwards;
inline constexpr std::array kKeyKinds{&kRsa, &kEc, &kEdwards};

}  // namespace sealwright::crypto
