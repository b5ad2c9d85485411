#include "crypto/der.h"

#include <algorithm>

namespace sealwright::crypto::der {
namespace {

constexpr std::uint8_t kInteger = 0x02;
constexpr std::uint8_t kBitString = 0x03;
constexpr std::uint8_t kOctetString = 0x04;
constexpr std::uint8_t kSequence = 0x30;
constexpr std::size_t kLongForm = 0x80;  // a length from here on has octets of its own

Bytes length_of(std::size_t size) {
  if (size < kLongForm) return {static_cast<std::uint8_t>(size)};
  Bytes octets;
  for (; size != 0; size >>= 8U) octets.insert(octets.begin(), static_cast<std::uint8_t>(size));
  octets.insert(octets.begin(), static_cast<std::uint8_t>(kLongForm + octets.size()));
  return octets;
}

Bytes encoded(std::uint8_t tag, ByteView content) {
  return joined({Bytes{tag}, length_of(content.size()), content});
}

}  // namespace

Bytes joined(std::initializer_list<ByteView> parts) {
  Bytes all;
  for (const ByteView part : parts) all.insert(all.end(), part.begin(), part.end());
  return all;
}

Bytes sequence(ByteView content) { return encoded(kSequence, content); }

Bytes integer(ByteView big_endian) {
  const auto first =
      std::ranges::find_if(big_endian, [](std::uint8_t octet) { return octet != 0; });
  Bytes octets(first, big_endian.end());
  if (octets.empty() || octets.front() >= 0x80) octets.insert(octets.begin(), 0);
  return encoded(kInteger, octets);
}

Bytes octet_string(ByteView content) { return encoded(kOctetString, content); }

Bytes spki(ByteView algorithm, ByteView key) {
  const Bytes no_unused_bits{0};
  return sequence(joined({algorithm, encoded(kBitString, joined({no_unused_bits, key}))}));
}

std::optional<ByteView> octet_string_content(ByteView der) {
  // Its header, for the content that there would be.
  for (const std::size_t header : {2U, 3U, 4U}) {
    if (der.size() < header) break;
    const ByteView content = der.subspan(header);
    const Bytes expected = joined({Bytes{kOctetString}, length_of(content.size())});
    if (std::ranges::equal(der.first(header), expected)) return content;
  }
  return std::nullopt;
}

}  // namespace sealwright::crypto::der
