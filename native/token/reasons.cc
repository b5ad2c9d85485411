#include "token/reasons.h"

#include <string>
#include <utility>
#include <vector>

#include "base/trust.h"
#include "token/expiry.h"

namespace sealwright::token {
namespace {

constexpr std::size_t kMostSeen = 3;
constexpr std::size_t kMostListed = 5;
constexpr std::size_t kMostNumbers = 1'000;  // a host may ask for any number

std::string no_token(const Signer& it) {
  const remote::SignerRecord& record = it.record();
  const std::string signer = "signer \"" + record.name + "\"";
  switch (record.status) {
    case remote::SignerStatus::kPending:
      return signer + " has no certificate yet: sealwright signer install-certificate " +
             record.name + " --chain FILE";
    case remote::SignerStatus::kDisabled:
      return signer +
             " is disabled; who administers it can change that: sealwright signer enable " +
             record.name;
    case remote::SignerStatus::kExpired:
      return signer + ": the certificate expired on " + record.not_after +
             "; it signs again after a renewal: sealwright signer renew " + record.name;
    case remote::SignerStatus::kGone:
      return signer + " was deleted, or this API key is no member of it any more";
    case remote::SignerStatus::kActive:
      break;
  }
  if (it.key_kind() != nullptr) return "";  // unreadable, which was said when it was read
  return signer +
         ": its key or certificate is of no type that this module knows; a newer module may";
}

std::string listed(const std::vector<std::pair<std::string, CK_SLOT_ID>>& signers) {
  std::string text;
  for (std::size_t i = 0; i < signers.size() && i < kMostListed; ++i) {
    text +=
        (i == 0 ? "" : ", ") + signers[i].first + " (" + std::to_string(signers[i].second) + ")";
  }
  return signers.size() > kMostListed ? text + ", …" : text;
}

}  // namespace

bool Reasons::is_first(CK_SLOT_ID number) {
  const std::lock_guard lock(mutex_);
  return told_of_.size() < kMostNumbers && told_of_.insert(number).second;
}

void Reasons::seen_without_token(const Signer& signer) {
  bool is_one_too_many = false;
  {
    const std::lock_guard lock(mutex_);
    if (seen_ > kMostSeen || told_of_.contains(signer.record().number)) return;
    is_one_too_many = ++seen_ > kMostSeen;
  }
  if (is_one_too_many) {
    log_.tell("more signers do not sign: sealwright signer list");
    return;
  }
  wanted_without_token(signer);
}

void Reasons::wanted_without_token(const Signer& signer) {
  const std::string reason = no_token(signer);
  if (!reason.empty() && is_first(signer.record().number)) log_.tell(reason);
}

void Reasons::in_use(const Signer& signer) {
  if (const auto warning = expiry_warning(signer.record())) {
    log_.write(LogLevel::kWarning, *warning);
  }
}

void Reasons::unknown_number(CK_SLOT_ID number, const Snapshot& known) {
  if (known.empty()) return no_signers();
  if (!is_first(number)) return;
  std::vector<std::pair<std::string, CK_SLOT_ID>> signers;
  for (const auto& [id, signer] : known) signers.emplace_back(signer->record().name, id);
  log_.tell("slot " + std::to_string(number) +
            ": there is no signer of this number, or this API key is no member of it; it sees " +
            listed(signers));
}

void Reasons::unknown_number(CK_SLOT_ID number, const Settings& named) {
  if (named.signers.empty()) return no_key();
  if (!is_first(number)) return;
  log_.tell("slot " + std::to_string(number) + ": [signers] names no signer of this number, only " +
            listed({named.signers.begin(), named.signers.end()}) +
            "; name it there, or set SEALWRIGHT_API_KEY");
}

void Reasons::no_key() {
  {
    const std::lock_guard lock(mutex_);
    if (std::exchange(said_no_key_, true)) return;
  }
  // A privileged process heeds no variable.
  const std::string where = is_privileged() ? "api_key_file in /etc/sealwright/pkcs11.toml"
                                            : "SEALWRIGHT_API_KEY (or api_key_file in pkcs11.toml)";
  log_.tell("no slots: set " + where +
            ", or name signers under [signers] to log in with an API key as the PIN");
}

void Reasons::no_signers() {
  {
    const std::lock_guard lock(mutex_);
    if (std::exchange(said_no_signers_, true)) return;
  }
  log_.tell(
      "no slots: this API key is a member of no signer; who administers one can add it: sealwright "
      "member add SIGNER IDENTITY --role operator");
}

}  // namespace sealwright::token
