#include "crypto/spki_from_attributes.h"

#include <algorithm>
#include <array>
#include <initializer_list>

namespace sealwright::crypto {
namespace {

constexpr std::uint8_t kInteger = 0x02;
constexpr std::uint8_t kBitString = 0x03;
constexpr std::uint8_t kOctetString = 0x04;
constexpr std::uint8_t kSequence = 0x30;
constexpr std::size_t kLongForm = 0x80;  // a length from here on has octets of its own

// OBJECT IDENTIFIERs (RFC 3279 §2.3.1, RFC 5480 §2.1.1), the first with its NULL parameters.
constexpr std::array<std::uint8_t, 13> kRsaEncryption{0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7,
                                                      0x0d, 0x01, 0x01, 0x01, 0x05, 0x00};
constexpr std::array<std::uint8_t, 9> kEcPublicKey{0x06, 0x07, 0x2a, 0x86, 0x48,
                                                   0xce, 0x3d, 0x02, 0x01};

Bytes length_of(std::size_t size) {
  if (size < kLongForm) return {static_cast<std::uint8_t>(size)};
  Bytes octets;
  for (; size != 0; size >>= 8U) octets.insert(octets.begin(), static_cast<std::uint8_t>(size));
  octets.insert(octets.begin(), static_cast<std::uint8_t>(kLongForm + octets.size()));
  return octets;
}

Bytes joined(std::initializer_list<ByteView> parts) {
  Bytes all;
  for (const ByteView part : parts) all.insert(all.end(), part.begin(), part.end());
  return all;
}

Bytes encoded(std::uint8_t tag, ByteView content) {
  return joined({Bytes{tag}, length_of(content.size()), content});
}

// A number that is not negative.
Bytes integer(ByteView big_endian) {
  const auto first =
      std::ranges::find_if(big_endian, [](std::uint8_t octet) { return octet != 0; });
  Bytes octets(first, big_endian.end());
  if (octets.empty() || octets.front() >= 0x80) octets.insert(octets.begin(), 0);
  return encoded(kInteger, octets);
}

}  // namespace

Bytes spki(ByteView algorithm, ByteView key) {
  const Bytes no_unused_bits{0};
  return encoded(kSequence, joined({encoded(kSequence, algorithm),
                                    encoded(kBitString, joined({no_unused_bits, key}))}));
}

Bytes rsa_spki(ByteView modulus, ByteView public_exponent) {
  return spki(kRsaEncryption,
              encoded(kSequence, joined({integer(modulus), integer(public_exponent)})));
}

Bytes ec_spki(ByteView ec_params, ByteView point) {
  return spki(joined({kEcPublicKey, ec_params}), point);
}

std::optional<ByteView> octet_string_content(ByteView der) {
  // Its header, for the content that there would be.
  for (const std::size_t header : {2U, 3U, 4U}) {
    if (der.size() < header) break;
    const ByteView content = der.subspan(header);
    if (std::ranges::equal(der.first(header),
                           joined({Bytes{kOctetString}, length_of(content.size())}))) {
      return content;
    }
  }
  return std::nullopt;
}

}  // namespace sealwright::crypto
