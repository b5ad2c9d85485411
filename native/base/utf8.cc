#include "base/utf8.h"

#include <algorithm>

namespace sealwright {

std::size_t character_length(std::string_view text) {
  const auto octet = [text](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned lead = octet(0);
  if (lead < 0x80) return 1;
  const std::size_t length = lead >= 0xc2 && lead <= 0xdf   ? 2
                             : lead >= 0xe0 && lead <= 0xef ? 3
                             : lead >= 0xf0 && lead <= 0xf4 ? 4
                                                            : 0;
  if (length == 0 || text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((octet(i) & 0xc0U) != 0x80U) return 0;
  }
  // Overlong forms, surrogates, and what lies beyond U+10FFFF.
  if ((lead == 0xe0 && octet(1) < 0xa0) || (lead == 0xed && octet(1) > 0x9f) ||
      (lead == 0xf0 && octet(1) < 0x90) || (lead == 0xf4 && octet(1) > 0x8f)) {
    return 0;
  }
  return length;
}

std::optional<std::size_t> count_characters(std::string_view text) {
  std::size_t count = 0;
  for (; !text.empty(); ++count) {
    const std::size_t length = character_length(text);
    if (length == 0) return std::nullopt;
    text.remove_prefix(length);
  }
  return count;
}

std::string shortened(std::string_view text, std::size_t limit) {
  if (text.size() <= limit) return std::string(text);
  std::size_t size = 0;
  while (true) {
    const std::size_t next = std::max<std::size_t>(character_length(text.substr(size)), 1);
    if (size + next > limit) break;
    size += next;
  }
  return std::string(text.substr(0, size)) + "…";
}

}  // namespace sealwright
