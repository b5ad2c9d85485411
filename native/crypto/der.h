// The little DER that keys are made of when they come in parts.
#pragma once

#include <initializer_list>
#include <optional>

#include "base/bytes.h"

namespace sealwright::crypto::der {

Bytes joined(std::initializer_list<ByteView> parts);
Bytes sequence(ByteView content);
Bytes integer(ByteView big_endian);  // not negative; leading zeros or not
Bytes octet_string(ByteView content);

// A SubjectPublicKeyInfo: the AlgorithmIdentifier, and what is in the BIT STRING.
Bytes spki(ByteView algorithm, ByteView key);

// What is in an OCTET STRING that is all there is; none for anything else.
std::optional<ByteView> octet_string_content(ByteView der);

}  // namespace sealwright::crypto::der
