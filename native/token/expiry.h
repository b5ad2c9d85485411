// Certificates that are at their end.
#pragma once

#include <optional>
#include <string>

#include "remote/signing_service.h"

namespace sealwright::token {

// Within 30 days of the certificate's end, or past it; none for a signer that this process was
// warned of before.
std::optional<std::string> expiry_warning(const remote::SignerRecord& record);

}  // namespace sealwright::token
