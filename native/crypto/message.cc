#include "crypto/message.h"

#include <algorithm>
#include <utility>

#include "crypto/digest.h"
#include "crypto/mechanism.h"
#include "crypto/scheme.h"

namespace sealwright::crypto {
namespace {

// A mechanism with a hash: data of any length, never kept.
class DigestedMessage final : public Message {
 public:
  DigestedMessage(Digest digest, DigestToSign form)
      : digest_(std::move(digest)), form_(std::move(form)) {}

  Result<void> update(ByteView data) override { return digest_.update(data); }

  Result<DigestToSign> finish() override {
    auto value = digest_.finish();
    if (!value) return fail(std::move(value.error()));
    form_.digest = std::move(*value);
    return std::move(form_);
  }

 private:
  Digest digest_;
  DigestToSign form_;
};

// A raw mechanism: what the caller brings, in one part or several.
class RawMessage final : public Message {
 public:
  RawMessage(std::size_t capacity, DigestToSign form)
      : capacity_(capacity), form_(std::move(form)) {}

  Result<void> update(ByteView data) override {
    if (data.size() > capacity_ - raw_.size()) {
      std::string reason = "more than the " + std::to_string(capacity_) +
                           " octets that one signature of this mechanism takes";
      if (!form_.scheme->signs_message) return fail(CKR_DATA_LEN_RANGE, std::move(reason));
      return fail(Error::tell(CKR_DATA_LEN_RANGE,
                              reason + "; sign a digest of it, or with a key that takes digests"));
    }
    raw_.insert(raw_.end(), data.begin(), data.end());
    return {};
  }

  Result<DigestToSign> finish() override {
    const Scheme& scheme = *form_.scheme;
    return scheme.from_raw(std::move(form_), std::move(raw_));
  }

 private:
  std::size_t capacity_;
  DigestToSign form_;
  Bytes raw_;
};

bool signs_with(const KeyKind& kind, CK_MECHANISM_TYPE type) {
  return std::ranges::find(kind.mechanisms, type, &SignatureMechanism::type) !=
         kind.mechanisms.end();
}

}  // namespace

Result<std::unique_ptr<Message>> Message::start(const CK_MECHANISM& mechanism,
                                                const PublicKey& key) {
  const SignatureMechanism* known = find_signature_mechanism(mechanism.mechanism);
  if (known == nullptr) {
    return fail(CKR_MECHANISM_INVALID, "not a mechanism for signatures");
  }
  if (!signs_with(key.kind(), mechanism.mechanism)) {
    return fail(CKR_KEY_TYPE_INCONSISTENT, "the mechanism is for another type of key");
  }
  auto form = known->scheme->begin(mechanism, known->hash, key);
  if (!form) return fail(std::move(form.error()));
  if (known->hash == Hash::kNone) {
    const std::size_t capacity = known->scheme->capacity(*form, key);
    return std::make_unique<RawMessage>(capacity, std::move(*form));
  }
  auto digest = Digest::start(known->hash);
  if (!digest) return fail(std::move(digest.error()));
  return std::make_unique<DigestedMessage>(std::move(*digest), std::move(*form));
}

}  // namespace sealwright::crypto
