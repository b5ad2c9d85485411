// Octet strings and their text forms.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sealwright {

using Bytes = std::vector<std::uint8_t>;
using ByteView = std::span<const std::uint8_t>;

inline ByteView as_bytes(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

std::string to_hex(ByteView bytes);     // lower case
std::string to_base64(ByteView bytes);  // RFC 4648 §4, padded
// Strict: padded, no white space, no trailing bits; nullopt otherwise.
std::optional<Bytes> from_base64(std::string_view text);

}  // namespace sealwright
