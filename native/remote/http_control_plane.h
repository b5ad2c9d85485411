// ControlPlane over its HTTP API.
#pragma once

#include <atomic>
#include <mutex>
#include <optional>
#include <vector>

#include "base/deadline.h"
#include "base/log.h"
#include "base/settings.h"
#include "net/connection_pool.h"
#include "remote/client_context.h"
#include "remote/control_plane.h"

namespace sealwright::remote {

// Any number of threads. Touches neither network nor file before the first call; a configuration
// that names no usable url fails each call with the reason.
class HttpControlPlane final : public ControlPlane {
 public:
  // `log` must outlive this object.
  HttpControlPlane(const Settings& settings, const Log& log);

  Result<std::unique_ptr<Catalogue>> fetch_catalogue(
      const Credential& credential, const std::optional<std::string>& held) override;
  Reply<Signed> sign(const Credential& credential, const std::string& signer,
                     const std::string& certificate_serial,
                     const crypto::DigestToSign& what) override;
  Reply<ApprovalRequest> open_request(const Credential& credential, const std::string& signer,
                                      const Settings::Approval& terms) override;
  Reply<ApprovalRequest> read_request(const Credential& credential, const std::string& id,
                                      const std::atomic<bool>& called_off) override;
  void abandon_after_fork() noexcept override;

 private:
  // How hard a call tries.
  struct Effort {
    unsigned rounds;  // over all urls
    Deadline deadline;
  };

  // In the name of `credential`; once more where it could be renewed after a 401.
  Result<net::Response> call(const Credential& credential, net::Request& request,
                             std::size_t body_limit, const Effort& effort);
  // An answer that no retry would change, or the last failure.
  // The error is for the person and names the url and the cause.
  Result<net::Response> ask(const net::Request& request, std::size_t body_limit,
                            const Effort& effort);
  [[nodiscard]] Deadline request_deadline() const { return Deadline::after(request_timeout_); }
  const ClientContext& client();

  const Result<std::vector<net::Url>> urls_;
  const std::chrono::milliseconds request_timeout_;
  const std::chrono::milliseconds list_timeout_;
  const bool wants_receipts_;
  const Log& log_;
  net::ConnectionPool pool_;
  std::atomic<std::size_t> preferred_{0};  // index of the url that answered last
  std::once_flag described_;
  ClientContext client_;
};

}  // namespace sealwright::remote
