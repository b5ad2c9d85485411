#include "token/signer.h"

#include <array>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <string_view>
#include <utility>

#include "crypto/certificate.h"
#include "crypto/digest.h"
#include "token/attributes.h"

namespace sealwright::token {
namespace {

using Objects = Signer::Objects;

tl::unexpected<Error> unreadable(const remote::SignerRecord& record, const Error& cause) {
  return fail(cause.rv, "signer " + record.name +
                            " is left out, the control plane's record of it cannot be read: " +
                            cause.message);
}

// The day of a time of RFC 3339; none for anything else.
std::optional<std::chrono::sys_days> day_of(std::string_view time) {
  constexpr std::string_view kForm = "YYYY-MM-DD";
  if (time.size() < kForm.size() || time[4] != '-' || time[7] != '-') {
    return std::nullopt;
  }
  const auto digits = [time](std::size_t first, std::size_t count) {
    unsigned value = 0;
    const std::string_view text = time.substr(first, count);
    const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), value);
    return fault == std::errc() && end == text.data() + text.size() ? value : 0;
  };
  const std::chrono::year_month_day day{std::chrono::year(static_cast<int>(digits(0, 4))),
                                        std::chrono::month(digits(5, 2)),
                                        std::chrono::day(digits(8, 2))};
  if (!day.ok()) {
    return std::nullopt;
  }
  return std::chrono::sys_days(day);
}

// One bit a signer number, modulo the size: two numbers that share one lose a warning, no more.
bool first_warning(std::uint32_t number) {
  constexpr std::uint32_t kBits = 64;
  static std::array<std::atomic<std::uint64_t>, kBits> warned{};
  const std::uint64_t bit = std::uint64_t{1} << (number % kBits);
  return (warned.at(number / kBits % kBits).fetch_or(bit) & bit) == 0;
}

Result<std::shared_ptr<const Object>> bind_certificate(CK_SLOT_ID slot,
                                                       const crypto::Certificate& certificate,
                                                       CertificateCategory category,
                                                       const std::string& label, const Bytes& id,
                                                       Handles& handles) {
  return crypto::digest_of(crypto::DigestAlgorithm::kSha1, certificate.der)
      .map([&](const Bytes& sha1) {
        return handles.bind(certificate_object(slot, certificate, category, label, id, sha1));
      });
}

}  // namespace

Result<std::shared_ptr<const Signer>> Signer::make(remote::SignerRecord record, bool login_required,
                                                   Handles& handles, const Log& log) {
  std::optional<crypto::KeyKind> kind;
  if (!record.certificate.empty()) {
    kind = crypto::PublicKey::kind_of(record.public_key);
    if (!kind) {
      return unreadable(record, {CKR_DEVICE_ERROR, "its public key is of no type that is known"});
    }
    if (!crypto::is_one_der_sequence(record.certificate)) {
      return unreadable(record, {CKR_DEVICE_ERROR, "its certificate is none"});
    }
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
    auto object = bind_certificate(record_.number, *issuer, CertificateCategory::kAuthority,
                                   issuer->common_name, issuer->key_identifier, handles_);
    if (!object) {
      return unreadable(record_, object.error());
    }
    objects.push_back(*std::move(object));
  }
  return objects;
}

void warn_of_expiry(const Signer& signer, const Log& log) {
  const remote::SignerRecord& record = signer.record();
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
  const auto end = day_of(record.not_after);
  // In days: the year 9999 is beyond what a clock of nanoseconds can hold.
  const auto today = std::chrono::floor<std::chrono::days>(std::chrono::system_clock::now());
  if (end && *end <= today + kNotice && first_warning(record.number)) {
    log.write(LogLevel::kWarning,
              "signer " + record.name + ": the certificate ends on " + record.not_after);
  }
}

}  // namespace sealwright::token
