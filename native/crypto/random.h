// Random octets, made on this machine.
#pragma once

#include <cstdint>
#include <span>

#include "base/result.h"

namespace sealwright::crypto {

// Fills `out`. Errors: CKR_GENERAL_ERROR when the operating system gives no entropy.
Result<void> fill_random(std::span<std::uint8_t> out);

}  // namespace sealwright::crypto
