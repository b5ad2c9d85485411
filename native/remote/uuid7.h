// UUIDs that sort by time (RFC 9562 §5.7): idempotency keys whose index stays small.
#pragma once

#include <string>

#include "base/result.h"

namespace sealwright::remote {

// 36 characters, lower case. Errors: CKR_FUNCTION_FAILED when the system gives no random octets.
Result<std::string> make_uuid7();

}  // namespace sealwright::remote
