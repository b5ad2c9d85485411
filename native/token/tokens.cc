#include "token/tokens.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/redact.h"
#include "crypto/mechanism.h"
#include "token/serial_number.h"

namespace sealwright::token {
namespace {

constexpr std::size_t kMaxPinLength = 255;

std::shared_ptr<Catalogue> configured_catalogue(const Settings& settings, const Log& log,
                                                remote::SigningService& service, Handles& handles) {
  auto credential = remote::configured_credential(settings);
  if (!credential) {
    return nullptr;
  }
  return std::make_shared<Catalogue>(*std::move(credential), settings.login_required, service,
                                     handles, log);
}

Slot slot_of(const std::shared_ptr<const Signer>& signer) {
  return {signer->record().number, signer->record().name, signer->has_token(), signer};
}

// So that a build log names the row of the audit log.
std::string report_of(const std::string& signer, const std::string& operation_id) {
  const std::string report = "signer \"" + signer + "\": signed";
  return operation_id.empty() ? report : report + " [operation " + operation_id + "]";
}

Error list_unavailable(const Error& cause) {
  Error error(CKR_FUNCTION_FAILED, "no list of signers: " + cause.message);
  error.for_person = cause.for_person;
  return error;
}

// All of them while the key is not known yet.
std::vector<const crypto::KeyKind*> kinds_of(const Slot& slot) {
  if (slot.signer != nullptr && slot.signer->key_kind() != nullptr) {
    return {slot.signer->key_kind()};
  }
  return {crypto::kKeyKinds.begin(), crypto::kKeyKinds.end()};
}

}  // namespace

Tokens::Tokens(const Settings& settings, const Log& log, remote::SigningService& service)
    : settings_(settings),
      log_(log),
      service_(service),
      login_required_(settings.login_required || !settings.api_key),
      configured_(configured_catalogue(settings, log, service, handles_)),
      reasons_(log) {}

Result<std::vector<Slot>> Tokens::slots() {
  std::vector<Slot> slots;
  if (configured_ != nullptr) {
    const auto snapshot = configured_->refreshed();
    if (!snapshot) {
      return fail(list_unavailable(snapshot.error()));
    }
    std::transform((*snapshot)->begin(), (*snapshot)->end(), std::back_inserter(slots),
                   [](const auto& entry) { return slot_of(entry.second); });
    if (slots.empty()) {
      reasons_.no_signers();
    }
    return slots;
  }
  if (settings_.signers.empty() && !settings_.is_bystander) {
    reasons_.no_key();
  }
  for (const auto& [name, number] : settings_.signers) {
    auto slot = named_slot(number);
    if (!slot) {
      return fail(std::move(slot).error());
    }
    slots.push_back(*std::move(slot));
  }
  std::sort(slots.begin(), slots.end(),
            [](const Slot& left, const Slot& right) { return left.id < right.id; });
  return slots;
}

Result<Slot> Tokens::named_slot(CK_SLOT_ID id) {
  const auto named = std::find_if(settings_.signers.begin(), settings_.signers.end(),
                                  [id](const auto& entry) { return entry.second == id; });
  if (named == settings_.signers.end()) {
    reasons_.unknown_number(id, settings_);
    return fail(CKR_SLOT_ID_INVALID, "the configuration names no signer with this number");
  }
  Slot slot{id, named->first, true, nullptr};
  if (const auto catalogue = catalogue_of(id); catalogue != nullptr) {
    const auto snapshot = catalogue->held();
    if (snapshot && (*snapshot)->contains(id)) {
      slot.signer = (*snapshot)->at(id);
      slot.has_token = slot.signer->has_token();
    }
  }
  return slot;
}

Result<Slot> Tokens::slot(CK_SLOT_ID id) {
  auto found = find_slot(id);
  if (found && !found->has_token) {
    reasons_.seen_without_token(*found->signer);
  }
  return found;
}

Result<Slot> Tokens::find_slot(CK_SLOT_ID id) {
  if (configured_ == nullptr) {
    return named_slot(id);
  }
  const auto snapshot = configured_->held();
  if (!snapshot) {
    return fail(list_unavailable(snapshot.error()));
  }
  const auto found = (*snapshot)->find(id);
  if (found == (*snapshot)->end()) {
    reasons_.unknown_number(id, **snapshot);
    return fail(CKR_SLOT_ID_INVALID, "no signer has this number");
  }
  return slot_of(found->second);
}

Result<Slot> Tokens::token(CK_SLOT_ID id) {
  auto found = slot(id);
  if (found && !found->has_token) {
    return fail(CKR_TOKEN_NOT_PRESENT, "signer " + found->name + " is not active");
  }
  return found;
}

Result<Slot> Tokens::readable_token(CK_SLOT_ID id) {
  auto found = find_slot(id);
  if (!found || found->signer == nullptr) {
    return found;
  }
  if (!found->has_token) {
    reasons_.wanted_without_token(*found->signer);
    return fail(CKR_TOKEN_NOT_PRESENT, "signer " + found->name + " is not active");
  }
  if (found->signer->objects() == nullptr) {
    return fail(CKR_TOKEN_NOT_PRESENT, "signer " + found->name + " cannot be read");
  }
  reasons_.in_use(*found->signer);
  return found;
}

Result<std::string> Tokens::serial(const Slot& slot) const {
  // Without a configured key the signer's id is not known before login, and a serial number must
  // not change with one.
  return serial_number(configured_ == nullptr ? slot.name : slot.signer->record().id);
}

std::shared_ptr<Catalogue> Tokens::catalogue_of(CK_SLOT_ID id) const {
  const std::lock_guard lock(mutex_);
  const auto login = logins_.find(id);
  if (login != logins_.end()) {
    return login->second;
  }
  return configured_;
}

bool Tokens::logged_in(CK_SLOT_ID id) const {
  const std::lock_guard lock(mutex_);
  return logins_.contains(id);
}

bool Tokens::had_wrong_pin(CK_SLOT_ID id) const {
  const std::lock_guard lock(mutex_);
  return wrong_pins_.contains(id);
}

Result<void> Tokens::login(CK_SLOT_ID id, std::string_view pin) {
  auto done = log_in(id, pin);
  const std::lock_guard lock(mutex_);
  if (done) {
    wrong_pins_.erase(id);
  } else if (done.error().rv == CKR_PIN_INCORRECT) {
    wrong_pins_.insert(id);
  }
  return done;
}

Result<void> Tokens::log_in(CK_SLOT_ID id, std::string_view pin) {
  if (logged_in(id)) {
    return fail(CKR_USER_ALREADY_LOGGED_IN, "already logged in to this token");
  }
  if (pin.size() > kMaxPinLength) {
    // CKR_PIN_LEN_RANGE is for functions that set one (PKCS#11 v2.40 §5.1.6).
    return fail(CKR_PIN_INCORRECT, "a PIN has at most 255 octets");
  }
  std::shared_ptr<Catalogue> catalogue;
  if (pin.empty() && !login_required_) {
    catalogue = configured_;
  } else {
    if (!is_api_key(pin)) {
      return fail(Error::tell(CKR_PIN_INCORRECT, "the PIN is no API key (swk_ and 43 characters)"));
    }
    Secret api_key(pin);
    const bool is_configured =
        configured_ != nullptr && configured_->credential().bearer() == api_key;
    catalogue = is_configured
                    ? configured_
                    : std::make_shared<Catalogue>(
                          remote::Credential("the API key of the login", std::move(api_key)),
                          login_required_, service_, handles_, log_);
  }

  auto shown = find_slot(id);
  if (!shown) {
    return fail(std::move(shown).error());
  }
  const auto snapshot = catalogue->held();
  if (!snapshot) {
    Error error = snapshot.error();
    if (error.rv == CKR_USER_NOT_LOGGED_IN) {
      error.rv = CKR_PIN_INCORRECT;
    }
    return fail(std::move(error));
  }
  const auto signer = (*snapshot)->find(id);
  if (signer == (*snapshot)->end() || signer->second->record().name != shown->name) {
    return fail(Error::tell(CKR_PIN_INCORRECT, "this API key sees no signer " + shown->name +
                                                   " with number " + std::to_string(id)));
  }
  if (!signer->second->has_token() || signer->second->objects() == nullptr) {
    reasons_.wanted_without_token(*signer->second);
    // Shown until now; C_Login knows no CKR_TOKEN_NOT_PRESENT (PKCS#11 v2.40 §5.6).
    return fail(CKR_DEVICE_REMOVED, "signer " + shown->name + " is not active");
  }
  reasons_.in_use(*signer->second);
  const std::lock_guard lock(mutex_);
  if (!logins_.emplace(id, std::move(catalogue)).second) {
    return fail(CKR_USER_ALREADY_LOGGED_IN, "another thread logged in to this token");
  }
  return {};
}

Result<void> Tokens::logout(CK_SLOT_ID id) {
  const std::lock_guard lock(mutex_);
  if (logins_.erase(id) == 0) {
    return fail(CKR_USER_NOT_LOGGED_IN, "nobody is logged in to this token");
  }
  handles_.end_private(id);
  return {};
}

std::vector<CK_MECHANISM_TYPE> Tokens::mechanisms(const Slot& slot) {
  return crypto::mechanisms_for(kinds_of(slot));
}

Result<CK_MECHANISM_INFO> Tokens::mechanism_info(const Slot& slot, CK_MECHANISM_TYPE type) {
  const auto info = crypto::mechanism_info(type, kinds_of(slot));
  if (!info) {
    return fail(CKR_MECHANISM_INVALID, "this token does not offer the mechanism");
  }
  return *info;
}

bool Tokens::hidden(const Object& object) const {
  return object.is_private && !logged_in(object.slot);
}

Result<std::vector<std::shared_ptr<const Object>>> Tokens::visible_objects(CK_SLOT_ID id) {
  std::vector<std::shared_ptr<const Object>> visible;
  const auto catalogue = catalogue_of(id);
  if (catalogue == nullptr) {
    return visible;
  }
  const auto snapshot = catalogue->refreshed();
  if (!snapshot) {
    return fail(snapshot.error());
  }
  const auto signer = (*snapshot)->find(id);
  if (signer == (*snapshot)->end()) {
    return visible;
  }
  if (const auto* objects = signer->second->objects(); objects != nullptr) {
    for (const auto& object : *objects) {
      if (!hidden(*object)) {
        visible.push_back(handles_.current(object));
      }
    }
  }
  return visible;
}

Result<std::shared_ptr<const Object>> Tokens::object(CK_SLOT_ID id, CK_OBJECT_HANDLE handle) const {
  auto found = handles_.find(handle);
  if (found == nullptr || found->slot != id || hidden(*found) || handles_.ended(handle)) {
    return fail(CKR_OBJECT_HANDLE_INVALID, "no object of this token has the handle");
  }
  return found;
}

Result<std::shared_ptr<const Object>> Tokens::key(CK_SLOT_ID id, CK_OBJECT_HANDLE handle) const {
  auto found = handles_.find(handle);
  if (found == nullptr || found->slot != id || found->key == nullptr) {
    return fail(CKR_KEY_HANDLE_INVALID, "no key of this token has the handle");
  }
  if (hidden(*found)) {
    return fail(CKR_USER_NOT_LOGGED_IN, "the private key is hidden until login");
  }
  if (handles_.ended(handle)) {
    return fail(CKR_KEY_HANDLE_INVALID, "the handle ended with the login that it was found under");
  }
  return found;
}

Result<Bytes> Tokens::sign(const Object& key, const crypto::DigestToSign& what) {
  const auto catalogue = catalogue_of(key.slot);
  if (catalogue == nullptr || hidden(key) || handles_.ended(key.handle)) {
    return fail(CKR_USER_NOT_LOGGED_IN, "nobody is logged in to this token any more");
  }
  auto made =
      service_.sign(catalogue->credential(), key.key->signer, key.key->certificate_serial, what);
  if (!made) {
    if (made.error().list_is_old) {
      catalogue->mark_old();
    }
    return fail(std::move(made).error());
  }
  const auto genuine = key.key->public_key->verify(what, made->signature);
  if (!genuine) {
    return fail(genuine.error());
  }
  if (!*genuine) {
    return fail(Error::tell(CKR_DEVICE_ERROR, "signer " + key.key->signer +
                                                  ": the control plane's answer is no signature "
                                                  "of this key; nothing was signed"));
  }
  log_.write(LogLevel::kInfo, report_of(key.key->signer, made->operation_id));
  return std::move(made->signature);
}

}  // namespace sealwright::token
