#include "remote/uuid7.h"

#include <sys/random.h>

#include <array>
#include <cerrno>
#include <chrono>

#include "base/bytes.h"

namespace sealwright::remote {

Result<std::string> make_uuid7() {
  std::array<std::uint8_t, 16> uuid{};
  ssize_t size = -1;
  do {  // up to 256 octets come whole; only the wait for the first seeding can be interrupted
    size = ::getrandom(uuid.data(), uuid.size(), 0);
  } while (size < 0 && errno == EINTR);
  if (size != static_cast<ssize_t>(uuid.size())) {
    return fail(CKR_FUNCTION_FAILED, "the system gives no random octets");
  }
  const auto now = std::chrono::duration_cast<std::chrono::milliseconds>(
      std::chrono::system_clock::now().time_since_epoch());
  const auto milliseconds = static_cast<std::uint64_t>(now.count());
  for (std::size_t i = 0; i < 6; ++i) {
    uuid[i] = static_cast<std::uint8_t>(milliseconds >> (40U - 8U * i));
  }
  uuid[6] = static_cast<std::uint8_t>((uuid[6] & 0x0fU) | 0x70U);  // version 7
  uuid[8] = static_cast<std::uint8_t>((uuid[8] & 0x3fU) | 0x80U);  // variant 10

  std::string text = to_hex(uuid);
  for (const std::size_t dash : {8U, 13U, 18U, 23U}) text.insert(dash, 1, '-');
  return text;
}

}  // namespace sealwright::remote
