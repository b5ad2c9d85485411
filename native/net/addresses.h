// Where a server can be reached: a socket's path, or what the resolver says of a host.
#pragma once

#include <sys/socket.h>

#include <vector>

#include "base/result.h"
#include "net/url.h"

namespace sealwright::net {

struct Address {
  sockaddr_storage octets{};
  socklen_t length = 0;

  [[nodiscard]] const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&octets); }
};

// In the order of the resolver; never empty. How long a name may take is bounded by the system's
// resolver alone. Errors: CKR_DEVICE_ERROR with the cause.
Result<std::vector<Address>> resolve(const Url& url);

}  // namespace sealwright::net
