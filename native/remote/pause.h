// Pauses between tries.
#pragma once

#include <chrono>

namespace sealwright::remote {

// Less up to a half, at random, so that many callers do not come back at once.
std::chrono::milliseconds with_jitter(std::chrono::milliseconds span);

}  // namespace sealwright::remote
