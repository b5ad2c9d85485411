#include "remote/pause.h"

#include <random>

namespace sealwright::remote {

std::chrono::milliseconds with_jitter(std::chrono::milliseconds span) {
  const auto half = static_cast<unsigned>(span.count() / 2);
  std::random_device random;
  return span - std::chrono::milliseconds(random() % (half + 1));
}

}  // namespace sealwright::remote
