// A signer as the module sees it: one record of the catalogue, immutable.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "base/log.h"
#include "base/result.h"
#include "crypto/public_key.h"
#include "remote/signing_service.h"
#include "token/handles.h"
#include "token/object.h"

namespace sealwright::token {

class Signer {
 public:
  using Objects = std::vector<std::shared_ptr<const Object>>;

  // Looks at no more than what key and certificate say that they are.
  static std::shared_ptr<const Signer> make(remote::SignerRecord record, bool login_required,
                                            Handles& handles, const Log& log);
  Signer(const Signer&) = delete;
  Signer& operator=(const Signer&) = delete;

  [[nodiscard]] const remote::SignerRecord& record() const { return record_; }
  // Null while there is nothing to show, and for a key or a certificate of no type that is known.
  [[nodiscard]] const crypto::KeyKind* key_kind() const { return key_kind_; }
  // Only an active signer is a token; any other is an empty slot, and so is one that turned out to
  // be unreadable.
  [[nodiscard]] bool has_token() const {
    return record_.status == remote::SignerStatus::kActive && key_kind_ != nullptr &&
           !unreadable_.load(std::memory_order_relaxed);
  }

  // Key and certificates are parsed when somebody first asks: a tool that sees a thousand signers
  // uses one. Null: the control plane sent what cannot be read, which is said once in the log.
  [[nodiscard]] const Objects* objects() const;

 private:
  Signer(remote::SignerRecord record, const crypto::KeyKind* key_kind, bool login_required,
         Handles& handles, const Log& log)
      : record_(std::move(record)),
        key_kind_(key_kind),
        login_required_(login_required),
        handles_(handles),
        log_(log) {}
  [[nodiscard]] Result<Objects> parse() const;

  const remote::SignerRecord record_;
  const crypto::KeyKind* const key_kind_;
  const bool login_required_;
  Handles& handles_;
  const Log& log_;

  mutable std::mutex mutex_;  // guards objects_ until it is set, for ever
  mutable std::optional<Objects> objects_;
  mutable std::atomic<bool> unreadable_{false};
};

}  // namespace sealwright::token
