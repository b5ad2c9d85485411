#include "remote/pause.h"

#include <sys/random.h>

namespace sealwright::remote {

std::chrono::milliseconds with_jitter(std::chrono::milliseconds span) {
  const auto half = static_cast<unsigned>(span.count() / 2);
  // Not std::random_device: there are libraries that open a file for it, and a host may have no
  // descriptor left. Without entropy there is no jitter.
  unsigned random = 0;
  if (::getrandom(&random, sizeof(random), GRND_NONBLOCK) != sizeof(random)) random = 0;
  return span - std::chrono::milliseconds(random % (half + 1));
}

}  // namespace sealwright::remote
