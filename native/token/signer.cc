#include "token/signer.h"

#include <array>
#include <atomic>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <utility>

#include "crypto/certificate.h"
#include "token/attributes.h"
#include "token/fingerprint.h"

namespace sealwright::token {
namespace {

tl::unexpected<Error> unreadable(const remote::SignerRecord& record, const Error& cause) {
  return fail(CKR_DEVICE_ERROR, "signer " + record.name +
                                    " is left out, the control plane's record of it cannot be "
                                    "read: " +
                                    cause.message);
}

std::chrono::sys_days day_of(const CK_DATE& date) {
  const auto digits = [](std::string_view characters) {
    int value = 0;
    std::from_chars(characters.data(), characters.data() + characters.size(), value);
    return value;
  };
  std::array<char, sizeof date> text{};
  std::memcpy(text.data(), &date, sizeof date);
  const std::string_view view(text.data(), text.size());
  return std::chrono::year(digits(view.substr(0, 4))) /
         std::chrono::month(static_cast<unsigned>(digits(view.substr(4, 2)))) /
         std::chrono::day(static_cast<unsigned>(digits(view.substr(6, 2))));
}

// One bit a signer number, modulo the size: two numbers that share one lose a warning, no more.
bool first_warning(std::uint32_t number) {
  constexpr std::uint32_t kBits = 64;
  static std::array<std::atomic<std::uint64_t>, kBits> warned{};
  const std::uint64_t bit = std::uint64_t{1} << (number % kBits);
  return (warned.at(number / kBits % kBits).fetch_or(bit) & bit) == 0;
}

Result<std::shared_ptr<const Object>> bind_certificate(const Signer& signer,
                                                       const crypto::Certificate& certificate,
                                                       CertificateCategory category,
                                                       const std::string& label, const Bytes& id,
                                                       Handles& handles) {
  return fingerprint(crypto::DigestAlgorithm::kSha1, certificate.der).map([&](const Bytes& sha1) {
    return handles.bind(
        certificate_object(signer.record.number, certificate, category, label, id, sha1));
  });
}

Result<void> add_objects(Signer& signer, bool login_required, Handles& handles) {
  const remote::SignerRecord& record = signer.record;
  const auto key = crypto::PublicKey::parse(record.public_key);
  if (!key) {
    return fail(key.error());
  }
  const auto leaf = crypto::Certificate::parse(record.certificate);
  if (!leaf) {
    return fail(leaf.error());
  }
  const KeyFacts facts{
      record.number, record.name, leaf->subject, login_required,
      std::make_shared<const SigningKey>(SigningKey{record.name, record.certificate_serial, *key})};
  signer.objects = {handles.bind(private_key_object(facts)),
                    handles.bind(public_key_object(facts))};
  auto own = bind_certificate(signer, *leaf, CertificateCategory::kTokenUser, record.name,
                              (*key)->key_identifier(), handles);
  if (!own) {
    return fail(std::move(own).error());
  }
  signer.objects.push_back(*std::move(own));
  for (const auto& der : record.issuers) {
    const auto issuer = crypto::Certificate::parse(*der);
    if (!issuer) {
      return fail(issuer.error());
    }
    auto object = bind_certificate(signer, *issuer, CertificateCategory::kAuthority,
                                   issuer->common_name, issuer->key_identifier, handles);
    if (!object) {
      return fail(std::move(object).error());
    }
    signer.objects.push_back(*std::move(object));
  }
  signer.certificate_end = day_of(leaf->not_after);
  signer.key_kind = (*key)->kind();
  return {};
}

}  // namespace

Result<std::shared_ptr<const Signer>> parse_signer(const remote::SignerRecord& record,
                                                   bool login_required, Handles& handles) {
  auto serial = serial_number(record.id);
  if (!serial) {
    return fail(std::move(serial).error());
  }
  auto signer = std::make_shared<Signer>();
  signer->record = record;
  signer->serial = *std::move(serial);
  if (!record.certificate.empty()) {
    if (const auto added = add_objects(*signer, login_required, handles); !added) {
      return unreadable(record, added.error());
    }
  }
  return signer;
}

void warn_of_expiry(const Signer& signer, const Log& log) {
  const remote::SignerRecord& record = signer.record;
  if (record.status == remote::SignerStatus::kExpired) {
    if (first_warning(record.number)) {
      log.write(LogLevel::kWarning, "signer " + record.name + ": the certificate expired on " +
                                        record.not_after + "; it signs again after a renewal");
    }
    return;
  }
  if (!signer.has_token()) {
    return;
  }
  constexpr std::chrono::days kNotice{30};
  if (signer.certificate_end < std::chrono::system_clock::now() + kNotice &&
      first_warning(record.number)) {
    log.write(LogLevel::kWarning,
              "signer " + record.name + ": the certificate ends on " + record.not_after);
  }
}

}  // namespace sealwright::token
