#include "base/redact.h"

#include <algorithm>
#include <array>
#include <cstddef>

namespace sealwright {
namespace {

constexpr std::string_view kKeyPrefix = "swk_";
constexpr std::size_t kKeyLength = 47;
constexpr std::array<std::string_view, 3> kPrefixes{kKeyPrefix, "swe_", "swt_"};

bool is_alphanumeric(char c) {
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

// Where the first one starts, or npos.
std::size_t find_prefix(std::string_view text) {
  std::size_t first = std::string_view::npos;
  for (const std::string_view prefix : kPrefixes) first = std::min(first, text.find(prefix));
  return first;
}

// Octets at the front of `text` that must not reach a terminal: 0 when it starts harmlessly.
std::size_t control_length(std::string_view text) {
  const auto octet = [text](std::size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U;
  };
  if (octet(0) < 0x20 || octet(0) == 0x7f) return 1;
  if (octet(0) == 0xc2 && octet(1) >= 0x80 && octet(1) <= 0x9f) return 2;  // C1 controls
  if (octet(0) == 0xd8 && octet(1) == 0x9c) return 2;                      // U+061C
  if (octet(0) != 0xe2) return 0;
  const bool marks = octet(1) == 0x80 && (octet(2) == 0x8e || octet(2) == 0x8f);
  const bool lines = octet(1) == 0x80 && octet(2) >= 0xa8 && octet(2) <= 0xae;
  const bool isolates = octet(1) == 0x81 && octet(2) >= 0xa6 && octet(2) <= 0xa9;
  return marks || lines || isolates ? 3 : 0;
}

}  // namespace

bool is_api_key(std::string_view text) {
  return text.size() == kKeyLength && text.starts_with(kKeyPrefix) &&
         std::all_of(text.begin() + kKeyPrefix.size(), text.end(), is_alphanumeric);
}

std::string mask_credentials(std::string_view text) {
  std::string masked;
  masked.reserve(text.size());
  while (true) {
    const std::size_t at = find_prefix(text);
    if (at == std::string_view::npos) return masked.append(text);
    masked.append(text.substr(0, at + kKeyPrefix.size()));
    text.remove_prefix(at + kKeyPrefix.size());
    // Up to the next one, whose own letters come after it.
    const std::string_view whole = text.substr(0, find_prefix(text));
    const auto* const end = std::find_if_not(whole.begin(), whole.end(), is_alphanumeric);
    if (end != whole.begin()) masked.append("***");
    text.remove_prefix(static_cast<std::size_t>(end - whole.begin()));
  }
}

std::string escape_controls(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string escaped;
  escaped.reserve(text.size());
  while (!text.empty()) {
    std::size_t length = control_length(text);
    if (length == 0) {
      escaped.push_back(text.front());
      text.remove_prefix(1);
    }
    for (; length > 0; --length) {
      const auto octet = static_cast<unsigned char>(text.front());
      escaped.append("\\x").append({kDigits[octet >> 4U], kDigits[octet & 0x0fU]});
      text.remove_prefix(1);
    }
  }
  return escaped;
}

}  // namespace sealwright
