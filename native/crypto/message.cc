#include "crypto/message.h"

#include <utility>

#include "crypto/digest.h"
#include "crypto/ecdsa.h"
#include "crypto/hash.h"
#include "crypto/rsa_pkcs1.h"
#include "crypto/rsa_pss.h"

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

// A raw mechanism: the caller's own digest, in one part or several.
class RawMessage final : public Message {
 public:
  RawMessage(std::size_t capacity, DigestToSign form)
      : capacity_(capacity), form_(std::move(form)) {}

  Result<void> update(ByteView data) override {
    if (data.size() > capacity_ - raw_.size()) {
      return fail(CKR_DATA_LEN_RANGE, "more than the " + std::to_string(capacity_) +
                                          " octets that one signature of this mechanism takes");
    }
    raw_.insert(raw_.end(), data.begin(), data.end());
    return {};
  }

  Result<DigestToSign> finish() override {
    switch (form_.scheme) {
      case Scheme::kRsaPkcs1v15:
        return rsa_pkcs1::from_raw(std::move(raw_));
      case Scheme::kEcdsa:
        return ecdsa::from_raw(std::move(raw_));
      case Scheme::kRsaPss:
        break;
    }
    if (raw_.size() != capacity_) {
      return fail(CKR_DATA_LEN_RANGE, "CKM_RSA_PKCS_PSS needs a digest of " +
                                          std::to_string(capacity_) + " octets, not " +
                                          std::to_string(raw_.size()));
    }
    form_.digest = std::move(raw_);
    return std::move(form_);
  }

 private:
  std::size_t capacity_;
  DigestToSign form_;
  Bytes raw_;
};

KeyKind key_kind(MechanismFamily family) {
  return family == MechanismFamily::kEcdsa ? KeyKind::kEc : KeyKind::kRsa;
}

// Scheme, hash and PSS parameters as mechanism and parameters say; the digest comes later.
Result<DigestToSign> read_form(const MechanismSpec& spec, const CK_MECHANISM& mechanism,
                               const PublicKey& key) {
  const Hash hash = spec.digest ? hash_of(*spec.digest) : Hash::kNone;
  if (spec.family == MechanismFamily::kRsaPss) {
    auto form = rsa_pss::parse_parameters(mechanism, key.bits());
    if (form && spec.digest && form->hash != hash) {
      return fail(CKR_MECHANISM_PARAM_INVALID, "hashAlg is not the hash of the mechanism");
    }
    return form;
  }
  if (mechanism.ulParameterLen != 0) {
    return fail(CKR_MECHANISM_PARAM_INVALID, "the mechanism takes no parameters");
  }
  const auto scheme =
      spec.family == MechanismFamily::kEcdsa ? Scheme::kEcdsa : Scheme::kRsaPkcs1v15;
  return DigestToSign{scheme, hash, {}, std::nullopt};
}

std::size_t raw_capacity(const DigestToSign& form, const PublicKey& key) {
  switch (form.scheme) {
    case Scheme::kRsaPkcs1v15:
      return rsa_pkcs1::capacity(key.signature_length());
    case Scheme::kRsaPss:
      return hash_length(form.hash);
    case Scheme::kEcdsa:
      break;
  }
  return ecdsa::kCapacity;
}

}  // namespace

Result<std::unique_ptr<Message>> Message::start(const CK_MECHANISM& mechanism,
                                                const PublicKey& key) {
  const MechanismSpec* spec = find_mechanism(mechanism.mechanism);
  if (spec == nullptr || spec->family == MechanismFamily::kDigest) {
    return fail(CKR_MECHANISM_INVALID, "not a mechanism for signatures");
  }
  if (key.kind() != key_kind(spec->family)) {
    return fail(CKR_KEY_TYPE_INCONSISTENT, "the mechanism is for another type of key");
  }
  auto form = read_form(*spec, mechanism, key);
  if (!form) return fail(std::move(form.error()));
  if (!spec->digest) {
    const std::size_t capacity = raw_capacity(*form, key);
    return std::make_unique<RawMessage>(capacity, std::move(*form));
  }
  auto digest = Digest::start(*spec->digest);
  if (!digest) return fail(std::move(digest.error()));
  return std::make_unique<DigestedMessage>(std::move(*digest), std::move(*form));
}

}  // namespace sealwright::crypto
