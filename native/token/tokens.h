// Slots and tokens: which there are, who is logged in, what they hold, and what they sign.
//
// Slot id: the signer's number. With a configured API key the slots are the signers of its
// catalogue; without one they are those that the configuration names, empty until a login.
#pragma once

#include <p11-kit/pkcs11.h>

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/log.h"
#include "base/result.h"
#include "base/settings.h"
#include "remote/signing_service.h"
#include "token/catalogue.h"
#include "token/handles.h"
#include "token/object.h"
#include "token/reasons.h"

namespace sealwright::token {

struct Slot {
  CK_SLOT_ID id = 0;
  std::string name;  // of the signer; the token's label
  bool has_token = false;
  std::shared_ptr<const Signer> signer;  // null until a login tells who is behind a named slot
};

class Tokens {
 public:
  Tokens(const Settings& settings, const Log& log, remote::SigningService& service);

  // Every slot, ascending; asks the control plane when the last answer is out of date.
  // Errors: CKR_FUNCTION_FAILED when there never was an answer.
  Result<std::vector<Slot>> slots();

  // No request, unless slots were never listed. Whoever gets no token is told why, on stderr.
  // Errors: CKR_SLOT_ID_INVALID; `token` also CKR_TOKEN_NOT_PRESENT.
  Result<Slot> slot(CK_SLOT_ID id);
  Result<Slot> token(CK_SLOT_ID id);
  // A token to be used, whose key and certificates could be parsed, which they are by that.
  // Errors: the same.
  Result<Slot> readable_token(CK_SLOT_ID id);
  // CK_TOKEN_INFO.serialNumber: 16 hex digits.
  Result<std::string> serial(const Slot& slot) const;

  [[nodiscard]] bool login_required() const { return login_required_; }
  [[nodiscard]] bool logged_in(CK_SLOT_ID id) const;
  // Of the whole process, for this token (PKCS#11 v2.40 §5.6, C_Login).
  // Errors: CKR_USER_ALREADY_LOGGED_IN, CKR_PIN_INCORRECT, CKR_DEVICE_ERROR,
  // CKR_DEVICE_REMOVED (the signer is not active).
  Result<void> login(CK_SLOT_ID id, std::string_view pin);
  Result<void> logout(CK_SLOT_ID id);  // Errors: CKR_USER_NOT_LOGGED_IN
  // Since the last right PIN.
  [[nodiscard]] bool had_wrong_pin(CK_SLOT_ID id) const;

  // The exact mechanisms of a token; of all kinds of key while the key is not known yet.
  static std::vector<CK_MECHANISM_TYPE> mechanisms(const Slot& slot);
  // Errors: CKR_MECHANISM_INVALID.
  static Result<CK_MECHANISM_INFO> mechanism_info(const Slot& slot, CK_MECHANISM_TYPE type);

  // What a search on this token sees now.
  Result<std::vector<std::shared_ptr<const Object>>> visible_objects(CK_SLOT_ID id);
  // Errors: CKR_OBJECT_HANDLE_INVALID: unknown, of another token, or hidden until login.
  Result<std::shared_ptr<const Object>> object(CK_SLOT_ID id, CK_OBJECT_HANDLE handle) const;
  // The same for the handle of a key. Errors: CKR_KEY_HANDLE_INVALID, CKR_USER_NOT_LOGGED_IN.
  Result<std::shared_ptr<const Object>> key(CK_SLOT_ID id, CK_OBJECT_HANDLE handle) const;

  // One request to the control plane; the signature that comes back is checked against the key
  // that the handle named. Errors: those of SigningService::sign, CKR_USER_NOT_LOGGED_IN,
  // CKR_DEVICE_ERROR for an answer that is no signature of this key.
  Result<Bytes> sign(const Object& key, const crypto::DigestToSign& what);

 private:
  Result<void> log_in(CK_SLOT_ID id, std::string_view pin);
  Result<Slot> find_slot(CK_SLOT_ID id);
  Result<Slot> named_slot(CK_SLOT_ID id);
  std::shared_ptr<Catalogue> catalogue_of(CK_SLOT_ID id) const;  // null: nobody is logged in
  [[nodiscard]] bool hidden(const Object& object) const;

  const Settings& settings_;
  const Log& log_;
  remote::SigningService& service_;
  const bool login_required_;
  Handles handles_;
  const std::shared_ptr<Catalogue> configured_;  // null: keys come by login only
  Reasons reasons_;

  mutable std::mutex mutex_;  // guards what follows; never held across a request
  std::map<CK_SLOT_ID, std::shared_ptr<Catalogue>> logins_;
  std::set<CK_SLOT_ID> wrong_pins_;
};

}  // namespace sealwright::token
