// The control plane's calls, one each: what a SigningService is made of.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <tl/expected.hpp>

#include "base/settings.h"
#include "remote/signing_service.h"

namespace sealwright::remote {

// Why a call gave no result.
struct Refusal {
  Error error;          // the message is the bare reason
  unsigned status = 0;  // of HTTP; 0: no answer, or none but "try again"
  std::string code;     // of the problem document; may be empty
  std::string request;  // the caller's pending request that could lift the refusal; empty: none

  [[nodiscard]] bool is_answer() const { return status != 0; }
  // The same call may go through later, with nothing changed.
  [[nodiscard]] bool is_passing() const { return status == 0 || status >= 500; }
  [[nodiscard]] bool is_want_of_grant() const { return status == 403 && code == "no_active_grant"; }
};

template <typename T>
using Reply = tl::expected<T, Refusal>;

enum class RequestState { kPending, kApproved, kRejected, kCancelled, kExpired };

struct ApprovalRequest {
  std::string id;
  RequestState state = RequestState::kPending;
  std::string missing;   // sentences; empty unless pending
  std::string ended_by;  // a name; empty: nobody, or not told
  std::string comment;   // of the rejection; may be empty
};

class ControlPlane {
 public:
  virtual ~ControlPlane() = default;

  // As SigningService.
  virtual Result<std::unique_ptr<Catalogue>> fetch_catalogue(
      const Credential& credential, const std::optional<std::string>& held) = 0;

  // POST /v1/signers/{signer}/sign with a new Idempotency-Key. Tries until the request timeout:
  // nobody repeats a signature.
  virtual Reply<Signed> sign(const Credential& credential, const std::string& signer,
                             const std::string& certificate_serial,
                             const crypto::DigestToSign& what) = 0;

  // POST /v1/signers/{signer}/requests, or the equal one that is pending. Tries as `sign` does.
  virtual Reply<ApprovalRequest> open_request(const Credential& credential,
                                              const std::string& signer,
                                              const Settings::Approval& terms) = 0;

  // GET /v1/requests/{id}, each url tried once; gives up when `called_off` is set meanwhile.
  virtual Reply<ApprovalRequest> read_request(const Credential& credential, const std::string& id,
                                              const std::atomic<bool>& called_off) = 0;

  // As SigningService.
  virtual void abandon_after_fork() noexcept = 0;
};

}  // namespace sealwright::remote
