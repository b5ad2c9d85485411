// A SubjectPublicKeyInfo (DER) of the attributes that PKCS#11 has for each kind of public key
// (v2.40 mechanisms §2.1.2, §2.3.3). Nothing is checked here: what the key is good for, whoever
// parses it says.
#pragma once

#include <optional>

#include "base/bytes.h"

namespace sealwright::crypto {

// `algorithm` is the content of an AlgorithmIdentifier, `key` that of the BIT STRING.
Bytes spki(ByteView algorithm, ByteView key);

// CKA_MODULUS and CKA_PUBLIC_EXPONENT: big-endian, leading zeros or not.
Bytes rsa_spki(ByteView modulus, ByteView public_exponent);

// CKA_EC_PARAMS, DER, and a point as SEC 1 §2.3.3 writes it.
Bytes ec_spki(ByteView ec_params, ByteView point);

// What is in an OCTET STRING that is all there is, as CKA_EC_POINT should be; none for anything
// else.
std::optional<ByteView> octet_string_content(ByteView der);

}  // namespace sealwright::crypto
