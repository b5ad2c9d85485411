// What the kinds of keys share when they read a key.
#pragma once

#include <p11-kit/pkcs11.h>

#include <optional>
#include <string>

#include "base/bytes.h"
#include "base/result.h"
#include "crypto/openssl_call.h"

namespace sealwright::crypto {

// Of a part that a template brings.
inline tl::unexpected<Error> no_such_key(const std::string& reason) {
  return fail(CKR_ATTRIBUTE_VALUE_INVALID, reason);
}

inline tl::unexpected<Error> unusable_key(const std::string& reason) {
  return fail(CKR_DEVICE_ERROR, "unusable public key: " + reason);
}

bool begins_with(ByteView octets, ByteView beginning);

// The number behind OpenSSL's `name`, big-endian, left-padded to `length` octets (0: none to
// spare).
std::optional<Bytes> read_number(const EVP_PKEY* key, const char* name, std::size_t length = 0);

// In the form of its type alone (RSAPublicKey, ECPoint): what a SubjectPublicKeyInfo's BIT STRING
// holds.
std::optional<Bytes> encode_by_type(const EVP_PKEY* key);

Bytes number_octets(CK_ULONG value);  // as an attribute's value

}  // namespace sealwright::crypto
