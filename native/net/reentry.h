// Guards against the module calling itself: name resolution, TLS and the name service that knows
// users may load libraries that come back through PKCS#11. Entry points refuse while
// inside_network_call() is true on their thread.
#pragma once

namespace sealwright::net {

[[nodiscard]] bool inside_network_call() noexcept;

// Held for the length of one HTTP exchange, or of one question to the name service.
class NetworkCall {
 public:
  NetworkCall() noexcept;
  ~NetworkCall();
  NetworkCall(const NetworkCall&) = delete;
  NetworkCall& operator=(const NetworkCall&) = delete;
};

}  // namespace sealwright::net
