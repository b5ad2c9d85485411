// The wall between C callers and C++: every entry point is one call of guard().
#pragma once

#include <p11-kit/pkcs11.h>

#include <memory>

#include "base/result.h"
#include "library/library.h"
#include "library/provider.h"

namespace sealwright::abi {

// Keeps pthread_cancel out of a call: unwinding a thread through it would end the host process.
class Uncancellable {
 public:
  Uncancellable() noexcept;
  ~Uncancellable();
  Uncancellable(const Uncancellable&) = delete;
  Uncancellable& operator=(const Uncancellable&) = delete;

 private:
  int before_ = 0;
};

// CKR_FUNCTION_FAILED when the module was re-entered from its own network call, else CKR_OK.
CK_RV refuse_reentry() noexcept;

// The CK_RV of a result; its message goes to the log (for a person: as one line on stderr).
CK_RV answer(const char* function, const Result<void>& result, const Log& log) noexcept;

// Inside a catch block only: CKR_HOST_MEMORY, or CKR_GENERAL_ERROR with a line that says what was
// thrown, because nobody expects it.
CK_RV answer_to_exception(const char* function, const Log& log) noexcept;

// Where no configuration is in force yet, or none could be asked for.
Log log_without_settings();

// Runs `body(provider)` with the provider in force, held for the length of the call.
template <typename Body>
CK_RV guard(const char* function, Body body) noexcept {
  const Uncancellable uncancellable;
  if (const CK_RV rv = refuse_reentry(); rv != CKR_OK) {
    return rv;
  }
  std::shared_ptr<library::Provider> provider;
  try {
    provider = library::provider();
    if (provider == nullptr) {
      return CKR_CRYPTOKI_NOT_INITIALIZED;
    }
    return answer(function, body(*provider), provider->log());
  } catch (...) {
    return provider == nullptr ? answer_to_exception(function, log_without_settings())
                               : answer_to_exception(function, provider->log());
  }
}

// The same for the functions that work without a provider.
template <typename Body>
CK_RV guard_lifecycle(const char* function, Body body) noexcept {
  const Uncancellable uncancellable;
  if (const CK_RV rv = refuse_reentry(); rv != CKR_OK) {
    return rv;
  }
  try {
    return answer(function, body(), log_without_settings());
  } catch (...) {
    return answer_to_exception(function, log_without_settings());
  }
}

// The answer of a function that makes no sense for a signing service.
CK_RV refuse(const char* function) noexcept;

}  // namespace sealwright::abi
