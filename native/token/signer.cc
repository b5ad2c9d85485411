#include "token/signer.h"

#include <utility>

#include "crypto/certificate.h"
#include "crypto/digest.h"
#include "token/attributes.h"

namespace sealwright::token {
namespace {

using Objects = Signer::Objects;

// Java takes two certificates of one label for entries without a chain.
std::string label_of(const crypto::Certificate& issuer, const std::string& signer) {
  return issuer.common_name == signer ? signer + " (issuer)" : issuer.common_name;
}

tl::unexpected<Error> unreadable(const remote::SignerRecord& record, const Error& cause) {
  return fail(cause.rv,
              "signer \"" + record.name +
                  "\": the control plane's record of it cannot be read: " + cause.message);
}

Result<std::shared_ptr<const Object>> bind_certificate(CK_SLOT_ID slot,
                                                       const crypto::Certificate& certificate,
                                                       CertificateCategory category,
                                                       const std::string& label, const Bytes& id,
                                                       Handles& handles) {
  return crypto::digest_of(crypto::Hash::kSha1, certificate.der).map([&](const Bytes& sha1) {
    return handles.bind(certificate_object(slot, certificate, category, label, id, sha1));
  });
}

}  // namespace

std::shared_ptr<const Signer> Signer::make(remote::SignerRecord record, bool login_required,
                                           Handles& handles, const Log& log) {
  const crypto::KeyKind* kind = nullptr;
  if (crypto::is_one_der_sequence(record.certificate)) {
    kind = crypto::PublicKey::kind_of(record.public_key);
  }
  return std::shared_ptr<const Signer>(
      new Signer(std::move(record), kind, login_required, handles, log));
}

const Objects* Signer::objects() const {
  const std::lock_guard lock(mutex_);
  if (!objects_ && !unreadable_) {
    auto parsed = parse();
    if (parsed) {
      objects_ = *std::move(parsed);
    } else {
      unreadable_ = parsed.error().rv != CKR_HOST_MEMORY;  // there may be some the next time
      log_.write(LogLevel::kError, parsed.error().message);
    }
  }
  return objects_ ? &*objects_ : nullptr;
}

Result<Objects> Signer::parse() const {
  if (record_.certificate.empty()) {
    return Objects{};
  }
  const auto key = crypto::PublicKey::parse(record_.public_key);
  if (!key) {
    return unreadable(record_, key.error());
  }
  const auto leaf = crypto::Certificate::parse(record_.certificate);
  if (!leaf) {
    return unreadable(record_, leaf.error());
  }
  const KeyFacts facts{record_.number, record_.name, leaf->subject, login_required_,
                       std::make_shared<const SigningKey>(
                           SigningKey{record_.name, record_.certificate_serial, *key})};
  Objects objects{handles_.bind(private_key_object(facts)),
                  handles_.bind(public_key_object(facts))};
  auto own = bind_certificate(record_.number, *leaf, CertificateCategory::kTokenUser, record_.name,
                              (*key)->key_identifier(), handles_);
  if (!own) {
    return unreadable(record_, own.error());
  }
  objects.push_back(*std::move(own));
  for (const auto& der : record_.issuers) {
    const auto issuer = crypto::Certificate::parse(*der);
    if (!issuer) {
      return unreadable(record_, issuer.error());
    }
    auto object =
        bind_certificate(record_.number, *issuer, CertificateCategory::kAuthority,
                         label_of(*issuer, record_.name), issuer->key_identifier, handles_);
    if (!object) {
      return unreadable(record_, object.error());
    }
    objects.push_back(*std::move(object));
  }
  return objects;
}

}  // namespace sealwright::token
