// What the module needs of a control plane. The rest of the module knows only this.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "crypto/digest_to_sign.h"
#include "remote/credential.h"

namespace sealwright::remote {

// kGone: the control plane listed it once and does not any more.
enum class SignerStatus { kPending, kActive, kDisabled, kExpired, kGone };

struct SignerRecord {
  std::string id;
  std::uint32_t number = 0;  // the slot id: positive, below 2^31, never reused
  std::string name;
  SignerStatus status = SignerStatus::kPending;
  Bytes public_key;                                   // DER SubjectPublicKeyInfo
  Bytes certificate;                                  // DER; empty while pending
  std::string certificate_serial;                     // lower-case hex
  std::string not_after;                              // RFC 3339; empty while pending
  std::vector<std::shared_ptr<const Bytes>> issuers;  // DER, leaf's issuer first, root last
};

struct Catalogue {
  std::vector<SignerRecord> signers;  // ascending number
  std::string etag;
};

struct Signed {
  Bytes signature;           // RSA octets (the size of the modulus) or ECDSA r‖s (IEEE P1363)
  std::string operation_id;  // of the audit row; empty: not told
  std::string receipt = {};  // C2SP tlog-proof; empty: not asked for, or not told
};

class SigningService {
 public:
  virtual ~SigningService() = default;

  // GET /v1/catalogue. `held` is the tag of the list that the caller has; null: unchanged since.
  // Without one the caller can do nothing, and the list is tried for until `[timeouts] list`; with
  // one each url is asked once, for a second at most, as nobody waits for news.
  // Errors: CKR_USER_NOT_LOGGED_IN (401), CKR_DEVICE_ERROR (unreachable, nonsense, 5xx).
  virtual Result<std::unique_ptr<Catalogue>> fetch_catalogue(
      const Credential& credential, const std::optional<std::string>& held) = 0;

  // POST /v1/signers/{signer}/sign with a new Idempotency-Key, retried within one deadline; with
  // `[approval]`, denied for want of a grant, again once one was asked for and given.
  // Errors: CKR_FUNCTION_REJECTED (denied, or the certificate changed), CKR_DEVICE_REMOVED (404),
  // CKR_USER_NOT_LOGGED_IN (401), CKR_FUNCTION_CANCELED (waited in vain for an approval),
  // CKR_DEVICE_ERROR; those that a person can act on say so.
  // With `[receipts]`, the receipt is kept there; where that fails, a line says so.
  virtual Result<Signed> sign(const Credential& credential, const std::string& signer,
                              const std::string& certificate_serial,
                              const crypto::DigestToSign& what) = 0;

  // Any thread, any time. Waits for an approval end soon with CKR_FUNCTION_CANCELED; whatever else
  // runs is left alone.
  virtual void stop() noexcept = 0;

  // In a forked child, before this object is leaked: closes inherited descriptors, nothing else.
  virtual void abandon_after_fork() noexcept = 0;
};

}  // namespace sealwright::remote
