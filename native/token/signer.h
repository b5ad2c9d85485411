// A signer as the module sees it: one record of the catalogue, parsed once, immutable.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/log.h"
#include "base/result.h"
#include "crypto/public_key.h"
#include "remote/signing_service.h"
#include "token/handles.h"
#include "token/object.h"

namespace sealwright::token {

struct Signer {
  remote::SignerRecord record;
  std::string serial;  // CK_TOKEN_INFO.serialNumber: 16 hex digits of SHA-256 of the signer's id
  std::optional<crypto::KeyKind> key_kind;  // none while there is nothing to show
  std::chrono::sys_days certificate_end{};  // the last day of the certificate
  std::vector<std::shared_ptr<const Object>> objects;

  // Only an active signer is a token; any other is an empty slot.
  [[nodiscard]] bool has_token() const {
    return record.status == remote::SignerStatus::kActive && key_kind.has_value();
  }
};

// Parses key and certificates and binds their handles. Errors: CKR_DEVICE_ERROR, naming the signer
// and what the control plane sent that cannot be read.
Result<std::shared_ptr<const Signer>> parse_signer(const remote::SignerRecord& record,
                                                   bool login_required, Handles& handles);

// One warning a process and signer: a certificate within 30 days of its end, or past it.
void warn_of_expiry(const Signer& signer, const Log& log);

}  // namespace sealwright::token
