#include "abi/guard.h"

#include <pthread.h>

#include <exception>
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

CK_RV answer_to_exception(const char* function, const Log& log) noexcept {
  const auto tell = [function, &log](const char* what) {
    try {
      log.tell(std::string(function) +
               " failed by a fault of the module, please report it: " + what);
    } catch (...) {  // NOLINT(bugprone-empty-catch): no memory for the line
    }
    return CKR_GENERAL_ERROR;
  };
  try {
    throw;
  } catch (const std::bad_alloc&) {
    return CKR_HOST_MEMORY;
  } catch (const std::exception& fault) {
    return tell(fault.what());
  } catch (...) {
    return tell("something was thrown that is no exception");
  }
}

Log log_without_settings() { return {LogLevel::kWarning, ""}; }

}  // namespace sealwright::abi
