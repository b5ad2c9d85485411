// The one error type of the module: what the caller gets, and what a person is told.
#pragma once

#include <p11-kit/pkcs11.h>

#include <string>
#include <utility>

namespace sealwright {

struct Error {
  CK_RV rv = CKR_GENERAL_ERROR;
  // A sentence for the log. Never holds a secret.
  std::string message;
  // Set when the person at the tool can act on it: the entry guard prints `message` as one line on
  // stderr (or to the file that `[log]` names) whatever the log level short of "off".
  bool for_person = false;
  // The control plane answered that the list of signers it gave before holds no more.
  bool list_is_old = false;

  Error(CK_RV code, std::string text) : rv(code), message(std::move(text)) {}
  static Error tell(CK_RV code, std::string text) {
    Error error(code, std::move(text));
    error.for_person = true;
    return error;
  }
};

}  // namespace sealwright
