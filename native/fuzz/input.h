// What every fuzz target shares: made-up octets taken apart, and the claims that they must not
// break.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <string>
#include <string_view>
#include <type_traits>

#include "base/bytes.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace sealwright::fuzz {

// Ends the process, which a fuzzer reports with the octets that led there.
inline void require(bool holds, const char* claim) {
  if (holds) return;
  std::fprintf(stderr, "broken claim: %s\n", claim);
  std::abort();
}

// Takes values off the front; once the octets are used up, every number is zero and every text
// empty.
class Input {
 public:
  Input(const std::uint8_t* data, std::size_t size) : rest_(data, size) {}

  [[nodiscard]] bool empty() const { return rest_.empty(); }

  template <typename T>
  T number() {
    static_assert(std::is_unsigned_v<T>);
    T value = 0;
    for (const std::uint8_t octet : octets(sizeof(T))) {
      value = static_cast<T>(static_cast<std::uint64_t>(value) << 8U | octet);
    }
    return value;
  }

  // One octet's worth of choice: 0 to limit - 1.
  std::size_t below(std::size_t limit) { return number<std::uint8_t>() % limit; }
  bool flag() { return (number<std::uint8_t>() & 1U) != 0; }

  ByteView octets(std::size_t count) {
    const ByteView taken = rest_.first(std::min(count, rest_.size()));
    rest_ = rest_.subspan(taken.size());
    return taken;
  }
  // As many octets as the next one says.
  ByteView short_octets() { return octets(number<std::uint8_t>()); }

  std::string_view text(ByteView octets) {
    return {reinterpret_cast<const char*>(octets.data()), octets.size()};
  }
  std::string_view short_text() { return text(short_octets()); }
  ByteView rest() { return octets(std::numeric_limits<std::size_t>::max()); }
  std::string_view rest_as_text() { return text(rest()); }

 private:
  ByteView rest_;
};

// Whether `text` is well-formed UTF-8 (RFC 3629), by a judge of its own.
inline bool is_utf8(std::string_view text) {
  const auto octet = [text](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
  for (std::size_t i = 0; i < text.size();) {
    const std::uint8_t lead = octet(i);
    const std::size_t length = lead < 0x80U ? 1 : lead < 0xe0U ? 2 : lead < 0xf0U ? 3 : 4;
    if (length == 1) {
      ++i;
      continue;
    }
    if (lead < 0xc0U || lead > 0xf7U || i + length > text.size()) return false;
    std::uint32_t code = lead & (0x7fU >> length);
    for (std::size_t j = 1; j < length; ++j) {
      if ((octet(i + j) & 0xc0U) != 0x80U) return false;
      code = code << 6U | (octet(i + j) & 0x3fU);
    }
    constexpr std::uint32_t kLeast[] = {0, 0, 0x80, 0x800, 0x10000};
    if (code < kLeast[length] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) {
      return false;
    }
    i += length;
  }
  return true;
}

}  // namespace sealwright::fuzz
