// What C callers hand over: pointers with lengths, templates, buffers to fill, padded text.
#pragma once

#include <p11-kit/pkcs11.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "token/object.h"

namespace sealwright::abi {

inline tl::unexpected<Error> bad_argument(const char* name) {
  return fail(CKR_ARGUMENTS_BAD, std::string(name) + " is missing or absurd");
}

// `count` things from `first`. A null pointer stands for none; nothing in memory is longer than
// PTRDIFF_MAX octets. Errors: CKR_ARGUMENTS_BAD.
template <typename T>
Result<std::span<T>> input(T* first, CK_ULONG count, const char* name) {
  constexpr CK_ULONG kMost = std::numeric_limits<std::ptrdiff_t>::max() / sizeof(T);
  if ((first == nullptr && count != 0) || count > kMost) {
    return bad_argument(name);
  }
  return std::span<T>(first, count);
}

enum class Delivery { kLengthOnly, kValues };

// The convention of PKCS#11 v2.40 §5.2 for output of a length that is known beforehand: a null
// buffer asks for the length, one that is too small is told it. kValues: `*capacity` suffices.
// Errors: CKR_ARGUMENTS_BAD, CKR_BUFFER_TOO_SMALL.
template <typename T>
Result<Delivery> judge_buffer(const T* buffer, CK_ULONG* capacity, std::size_t needed,
                              const char* name) {
  if (capacity == nullptr) {
    return bad_argument(name);
  }
  const CK_ULONG offered = *capacity;
  *capacity = needed;
  if (buffer == nullptr) {
    return Delivery::kLengthOnly;
  }
  if (offered < needed) {
    return fail(CKR_BUFFER_TOO_SMALL, "the buffer is too small");
  }
  return Delivery::kValues;
}

// The whole convention, for values that are there.
template <typename T>
Result<void> deliver(const std::vector<T>& values, T* buffer, CK_ULONG* capacity,
                     const char* name) {
  const auto delivery = judge_buffer(buffer, capacity, values.size(), name);
  if (!delivery) {
    return fail(delivery.error());
  }
  if (*delivery == Delivery::kValues) {
    std::copy(values.begin(), values.end(), buffer);
  }
  return {};
}

// Blank-padded, not null-terminated, cut between characters of UTF-8 (PKCS#11 v2.40 §3).
template <std::size_t kSize>
void pad(CK_UTF8CHAR (&field)[kSize], std::string_view text) {
  constexpr std::uint8_t kContinuationMask = 0xC0;
  constexpr std::uint8_t kContinuation = 0x80;
  std::size_t length = std::min(text.size(), kSize);
  while (length < text.size() && length > 0 &&
         (static_cast<std::uint8_t>(text[length]) & kContinuationMask) == kContinuation) {
    --length;
  }
  std::fill(std::begin(field), std::end(field), CK_UTF8CHAR{' '});
  std::copy_n(text.begin(), length, std::begin(field));
}

// A search template. Errors: CKR_ARGUMENTS_BAD.
Result<std::vector<token::Criterion>> criteria(CK_ATTRIBUTE_PTR first, CK_ULONG count);

}  // namespace sealwright::abi
