// Local message digests (CKM_SHA_1, CKM_SHA224 … CKM_SHA512).
#pragma once

#include <cstddef>
#include <memory>

#include "base/bytes.h"
#include "base/result.h"
#include "crypto/mechanism.h"

namespace sealwright::crypto {

std::size_t digest_length(DigestAlgorithm algorithm);  // octets

// Of all of `content` at once.
Result<Bytes> digest_of(DigestAlgorithm algorithm, ByteView content);

class Digest {
 public:
  static Result<Digest> start(DigestAlgorithm algorithm);
  Result<void> update(ByteView data);
  Result<Bytes> finish();  // once; the object is spent afterwards
  [[nodiscard]] std::size_t length() const { return length_; }

  Digest(Digest&&) noexcept;
  Digest& operator=(Digest&&) noexcept;
  ~Digest();

 private:
  struct Context;
  Digest(std::unique_ptr<Context> context, std::size_t length);
  std::unique_ptr<Context> context_;
  std::size_t length_;
};

}  // namespace sealwright::crypto
