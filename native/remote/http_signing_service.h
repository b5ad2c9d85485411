// SigningService over the control plane's HTTP API.
#pragma once

#include <atomic>
#include <mutex>
#include <optional>
#include <vector>

#include "base/log.h"
#include "base/settings.h"
#include "net/connection_pool.h"
#include "remote/client_context.h"
#include "remote/signing_service.h"

namespace sealwright::remote {

// Any number of threads. Touches neither network nor file before the first call; a configuration
// that names no usable url fails each call with the reason.
class HttpSigningService final : public SigningService {
 public:
  // `log` must outlive this object.
  HttpSigningService(const Settings& settings, const Log& log);

  // Gives up after a few rounds over the urls: a list can be asked for again.
  Result<std::shared_ptr<const Catalogue>> fetch_catalogue(const Secret& api_key,
                                                           const std::string& etag) override;
  // Tries until the request timeout: nobody repeats a signature.
  Result<Bytes> sign(const Secret& api_key, const std::string& signer,
                     const std::string& certificate_serial, const DigestToSign& what) override;
  void abandon_after_fork() noexcept override;

 private:
  // An answer that no retry would change, or the last failure.
  // The error is for the person and names the url and the cause.
  Result<net::Response> call(const net::Request& request, std::size_t body_limit, unsigned rounds);
  const ClientContext& client();

  const Result<std::vector<net::Url>> urls_;
  const std::chrono::milliseconds timeout_;
  const Log& log_;
  net::ConnectionPool pool_;
  std::atomic<std::size_t> preferred_{0};  // index of the url that answered last
  std::once_flag described_;
  ClientContext client_;
};

}  // namespace sealwright::remote
