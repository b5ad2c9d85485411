// Local message digests (CKM_SHA_1, CKM_SHA224 … CKM_SHA512).
#pragma once

#include <cstddef>
#include <memory>

#include "base/bytes.h"
#include "base/result.h"
#include "crypto/hash.h"

namespace sealwright::crypto {

// Of all of `content` at once. Here as below any hash but kNone.
Result<Bytes> digest_of(Hash hash, ByteView content);

class Digest {
 public:
  static Result<Digest> start(Hash hash);
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
