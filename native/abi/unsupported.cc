// What a signing service refuses: functions of kind "unsupported" in native/spec/functions.toml
// (keys and objects are made, changed and deleted on the control plane; nothing is encrypted,
// wrapped or recovered), and the two that the standard itself retired.

#include "abi/functions.h"
#include "abi/guard.h"

namespace sealwright::abi {

CK_RV refuse(const char* function) noexcept {
  return guard(function, [](library::Provider&) -> Result<void> {
    return fail(CKR_FUNCTION_NOT_SUPPORTED, "not offered by a signing service");
  });
}

// PKCS#11 v2.40 §5.16 Parallel function management.
Result<void> get_function_status(library::Provider&, CK_SESSION_HANDLE) {
  return fail(CKR_FUNCTION_NOT_PARALLEL, "no function runs in parallel");
}

Result<void> cancel_function(library::Provider&, CK_SESSION_HANDLE) {
  return fail(CKR_FUNCTION_NOT_PARALLEL, "no function runs in parallel");
}

}  // namespace sealwright::abi
