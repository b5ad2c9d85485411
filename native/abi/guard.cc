#include "abi/guard.h"

#include <pthread.h>

#include <new>
#include <string>

#include "net/reentry.h"

namespace sealwright::abi {

Uncancellable::Uncancellable() noexcept {
  pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before_);
}

Uncancellable::~Uncancellable() { pthread_setcancelstate(before_, nullptr); }

CK_RV refuse_reentry() noexcept {
  return net::inside_network_call() ? CKR_FUNCTION_FAILED : CKR_OK;
}

CK_RV answer(const char* function, const Result<void>& result, const Log& log) noexcept {
  if (result) {
    return CKR_OK;
  }
  const Error& error = result.error();
  if (error.for_person) {
    log.tell(error.message);
  } else if (log.level() >= LogLevel::kDebug) {
    try {
      log.write(LogLevel::kDebug, std::string(function) + ": " + error.message);
    } catch (...) {
      return error.rv;  // no memory for the line: the answer matters more
    }
  }
  return error.rv;
}

CK_RV answer_to_exception() noexcept {
  try {
    throw;
  } catch (const std::bad_alloc&) {
    return CKR_HOST_MEMORY;
  } catch (...) {
    return CKR_GENERAL_ERROR;
  }
}

}  // namespace sealwright::abi
