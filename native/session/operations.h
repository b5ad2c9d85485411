// The operations of a session: one at most of each kind, each ended by its first terminal step.
#pragma once

#include <p11-kit/pkcs11.h>

#include <cstddef>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "crypto/digest.h"
#include "crypto/message.h"
#include "token/object.h"
#include "token/tokens.h"

namespace sealwright::session {

// A search: the handles that matched when it began (PKCS#11 v2.40 §5.7).
class Find {
 public:
  explicit Find(std::vector<CK_OBJECT_HANDLE> handles) : handles_(std::move(handles)) {}
  // At most `limit` handles that were not given yet.
  std::vector<CK_OBJECT_HANDLE> next(std::size_t limit);

 private:
  std::vector<CK_OBJECT_HANDLE> handles_;
  std::size_t given_ = 0;
};

// How the data comes: in parts, or all at once.
class Pace {
 public:
  [[nodiscard]] bool in_parts() const { return in_parts_; }
  // From the first call that brought all data, be it for the length only.
  [[nodiscard]] bool expects_no_parts() const { return expects_no_parts_; }
  void expect_no_parts() { expects_no_parts_ = true; }

 protected:
  bool in_parts_ = false;

 private:
  bool expects_no_parts_ = false;
};

// CKM_SHA…, computed here (PKCS#11 v2.40 §5.10).
class Digesting : public Pace {
 public:
  // Errors: CKR_MECHANISM_INVALID, CKR_MECHANISM_PARAM_INVALID.
  static Result<Digesting> start(const CK_MECHANISM& mechanism);

  [[nodiscard]] std::size_t length() const { return digest_.length(); }
  Result<void> update(ByteView part);
  // The last part, and the digest of all of them.
  Result<Bytes> finish(ByteView last);

 private:
  explicit Digesting(crypto::Digest digest) : digest_(std::move(digest)) {}
  crypto::Digest digest_;
};

// Data on its way to a signature or a verification: what both have in common.
class KeyedMessage : public Pace {
 public:
  [[nodiscard]] std::size_t length() const { return key_->key->public_key->signature_length(); }
  Result<void> update(ByteView part);

 protected:
  KeyedMessage(std::shared_ptr<const token::Object> key, std::unique_ptr<crypto::Message> message)
      : key_(std::move(key)), message_(std::move(message)) {}

  std::shared_ptr<const token::Object> key_;  // outlives a renewal: the key that the handle named
  std::unique_ptr<crypto::Message> message_;
};

// PKCS#11 v2.40 §5.11. The length of a signature is known from the key, so a buffer is judged
// before anything is computed: a probe or a small buffer never costs a request.
class Signing : public KeyedMessage {
 public:
  // Errors: CKR_KEY_FUNCTION_NOT_PERMITTED, and those of crypto::Message::start.
  static Result<Signing> start(const CK_MECHANISM& mechanism,
                               std::shared_ptr<const token::Object> key);
  // The last part, and the signature: one request. Errors: those of token::Tokens::sign.
  Result<Bytes> finish(ByteView last, token::Tokens& tokens);

 private:
  using KeyedMessage::KeyedMessage;
};

// PKCS#11 v2.40 §5.13.
class Verifying : public KeyedMessage {
 public:
  // Errors: CKR_KEY_FUNCTION_NOT_PERMITTED, and those of crypto::Message::start.
  static Result<Verifying> start(const CK_MECHANISM& mechanism,
                                 std::shared_ptr<const token::Object> key);
  // Errors: CKR_SIGNATURE_INVALID, CKR_SIGNATURE_LEN_RANGE.
  Result<void> finish(ByteView last, ByteView signature);

 private:
  using KeyedMessage::KeyedMessage;
};

struct Operations {
  std::optional<Find> find;
  std::optional<Digesting> digest;
  std::optional<Signing> sign;
  std::optional<Verifying> verify;
};

}  // namespace sealwright::session
