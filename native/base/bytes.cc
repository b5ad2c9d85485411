#include "base/bytes.h"

#include <algorithm>
#include <array>

namespace sealwright {
namespace {

constexpr std::string_view kAlphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::uint32_t kNoSextet = 0x80000000U;
constexpr std::size_t kGroup = 4;  // characters that make three octets

// What a character adds to its group of 24 bits, by its place in it.
using Sextets = std::array<std::array<std::uint32_t, 256>, kGroup>;

constexpr Sextets sextets() {
  Sextets table{};
  for (std::size_t place = 0; place < kGroup; ++place) {
    table[place].fill(kNoSextet);
    for (std::size_t i = 0; i < kAlphabet.size(); ++i) {
      table[place][static_cast<unsigned char>(kAlphabet[i])] =
          static_cast<std::uint32_t>(i << (18 - 6 * place));
    }
  }
  return table;
}

constexpr Sextets kSextets = sextets();

}  // namespace

std::string to_hex(ByteView bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text(bytes.size() * 2, '0');
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    text[2 * i] = kDigits[bytes[i] >> 4U];
    text[2 * i + 1] = kDigits[bytes[i] & 0x0fU];
  }
  return text;
}

std::string to_base64(ByteView bytes) {
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::size_t count = std::min<std::size_t>(3, bytes.size() - i);
    std::uint32_t group = 0;
    for (std::size_t j = 0; j < 3; ++j) group = (group << 8U) | (j < count ? bytes[i + j] : 0U);
    for (std::size_t j = 0; j < 4; ++j) {
      text.push_back(j <= count ? kAlphabet[(group >> (18U - 6U * j)) & 0x3fU] : '=');
    }
  }
  return text;
}

std::optional<Bytes> from_base64(std::string_view text) {
  if (text.size() % kGroup != 0) return std::nullopt;
  std::array<char, kGroup> last{};
  std::size_t padding = 0;
  if (!text.empty()) {
    std::copy_n(text.end() - kGroup, kGroup, last.begin());
    while (padding < 2 && last[kGroup - 1 - padding] == '=') last[kGroup - 1 - padding++] = 'A';
  }

  Bytes bytes(text.size() / kGroup * 3);
  std::uint8_t* next = bytes.data();
  std::uint32_t seen = 0;
  const auto decode = [&](const char* group) {
    std::uint32_t bits = 0;
    for (std::size_t place = 0; place < kGroup; ++place) {
      bits |= kSextets[place][static_cast<unsigned char>(group[place])];
    }
    seen |= bits;
    *next++ = static_cast<std::uint8_t>(bits >> 16U);
    *next++ = static_cast<std::uint8_t>(bits >> 8U);
    *next++ = static_cast<std::uint8_t>(bits);
  };
  for (std::size_t i = 0; i + kGroup < text.size(); i += kGroup) decode(&text[i]);
  if (!text.empty()) decode(last.data());
  if ((seen & kNoSextet) != 0) return std::nullopt;
  for (; padding > 0; --padding) {
    if (bytes.back() != 0) return std::nullopt;  // bits that no octet holds
    bytes.pop_back();
  }
  return bytes;
}

}  // namespace sealwright
