// Kept-alive connections, shared by all threads of one provider.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "net/http1.h"
#include "net/open_descriptors.h"
#include "net/proxy.h"
#include "net/tls.h"
#include "net/url.h"

namespace sealwright::net {

class ConnectionPool {
 public:
  // A proxy that cannot be understood is told where it would be needed.
  ConnectionPool(TlsFiles files, std::chrono::milliseconds connect_timeout,
                 Result<Proxy> proxy = Proxy());

  // Sends the request on an idle connection or a new one, and keeps that afterwards if it can.
  // A kept connection that turns out to be dead is replaced at once, one that stays silent for a
  // quarter of the time is: callers must be able to bear that the server sees the request twice.
  // Errors: CKR_DEVICE_ERROR with the cause.
  Result<Response> exchange(const Url& url, const Request& request, std::size_t body_limit,
                            const Deadline& deadline);

  // In a forked child: closes the descriptors and touches nothing else.
  void abandon_after_fork() noexcept { open_.close_all(); }

 private:
  struct Idle {
    std::string origin;
    std::unique_ptr<Stream> stream;
    Deadline::Clock::time_point since;
  };

  std::unique_ptr<Stream> take_idle(const std::string& origin);
  void keep(const std::string& origin, std::unique_ptr<Stream> stream);
  void forget(const std::string& origin);
  Result<std::unique_ptr<Stream>> connect(const Url& url, const Deadline& deadline);
  Result<std::shared_ptr<const TlsContext>> tls();

  const TlsFiles files_;
  const std::chrono::milliseconds connect_timeout_;
  const Result<Proxy> proxy_;
  OpenDescriptors open_;
  std::mutex mutex_;  // of what follows; never held across I/O
  std::vector<Idle> idle_;
  std::shared_ptr<const TlsContext> tls_;
};

}  // namespace sealwright::net
