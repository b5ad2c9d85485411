#include "session/operations.h"

#include <algorithm>

#include "crypto/hash.h"

namespace sealwright::session {

std::vector<CK_OBJECT_HANDLE> Find::next(std::size_t limit) {
  const auto first = handles_.begin() + static_cast<std::ptrdiff_t>(given_);
  const std::size_t count = std::min(limit, handles_.size() - given_);
  given_ += count;
  return {first, first + static_cast<std::ptrdiff_t>(count)};
}

Result<Digesting> Digesting::start(const CK_MECHANISM& mechanism) {
  const crypto::HashRow* hash = crypto::digest_of_mechanism(mechanism.mechanism);
  if (hash == nullptr) {
    return fail(CKR_MECHANISM_INVALID, "the mechanism is no digest of this token");
  }
  if (mechanism.ulParameterLen != 0) {
    return fail(CKR_MECHANISM_PARAM_INVALID, "a digest takes no parameter");
  }
  return crypto::Digest::start(hash->hash).map([](crypto::Digest digest) {
    return Digesting(std::move(digest));
  });
}

Result<void> Digesting::update(ByteView part) {
  in_parts_ = true;
  return digest_.update(part);
}

Result<Bytes> Digesting::finish(ByteView last) {
  return digest_.update(last).and_then([this] { return digest_.finish(); });
}

Result<void> KeyedMessage::update(ByteView part) {
  in_parts_ = true;
  return message_->update(part);
}

Result<Signing> Signing::start(const CK_MECHANISM& mechanism,
                               std::shared_ptr<const token::Object> key) {
  if (key->object_class != CKO_PRIVATE_KEY) {
    return fail(CKR_KEY_FUNCTION_NOT_PERMITTED, "only a private key signs");
  }
  auto message = crypto::Message::start(mechanism, *key->key->public_key);
  if (!message) {
    return fail(std::move(message).error());
  }
  return Signing(std::move(key), *std::move(message));
}

Result<Bytes> Signing::finish(ByteView last, token::Tokens& tokens) {
  if (auto updated = message_->update(last); !updated) {
    return fail(std::move(updated).error());
  }
  const auto what = message_->finish();
  if (!what) {
    return fail(what.error());
  }
  return tokens.sign(*key_, *what);
}

Result<Verifying> Verifying::start(const CK_MECHANISM& mechanism,
                                   std::shared_ptr<const token::Object> key) {
  if (key->object_class != CKO_PUBLIC_KEY) {
    return fail(CKR_KEY_FUNCTION_NOT_PERMITTED, "only a public key verifies");
  }
  auto message = crypto::Message::start(mechanism, *key->key->public_key);
  if (!message) {
    return fail(std::move(message).error());
  }
  return Verifying(std::move(key), *std::move(message));
}

Result<void> Verifying::finish(ByteView last, ByteView signature) {
  if (auto updated = message_->update(last); !updated) {
    return updated;
  }
  const auto what = message_->finish();
  if (!what) {
    return fail(what.error());
  }
  const auto full = key_->key->public_key->in_full_length(signature);
  if (full) {
    const auto valid = key_->key->public_key->verify(*what, *full);
    if (!valid) {
      return fail(valid.error());
    }
    if (*valid) {
      return {};
    }
  }
  if (signature.size() != length()) {
    return fail(CKR_SIGNATURE_LEN_RANGE, "the signature is not as long as this key makes them");
  }
  return fail(CKR_SIGNATURE_INVALID, "the signature is not of this data by this key");
}

}  // namespace sealwright::session
