// The way from "denied for want of a grant" to a grant: ask for approval, wait for it.
#pragma once

#include <atomic>
#include <chrono>
#include <string>

#include "base/deadline.h"
#include "base/log.h"
#include "base/settings.h"
#include "remote/control_plane.h"

namespace sealwright::remote {

// `signer "release": what [request 0198…]`: how a person is told of a refusal.
Error for_person(const std::string& signer, const Refusal& refusal);

// Of one call to sign, made at its first denial. Holds no lock, starts no thread; everything that
// is referred to must outlive it.
class Approval {
 public:
  struct Means {
    ControlPlane& plane;
    const Settings::Approval& settings;
    const Log& log;
    const std::atomic<bool>& stopped;  // ends a wait
  };
  Approval(const Means& means, const Credential& credential, const std::string& signer);

  // Success: signing is worth another try, even if an earlier one was denied again because others
  // had used the grant up. All rounds share one wait; without a wait there is one round.
  // Errors, each for the person and, where there is one, with the id of the request:
  //   CKR_FUNCTION_REJECTED   denied and nothing to wait for, refused to ask, rejected, cancelled,
  //                           expired
  //   CKR_FUNCTION_CANCELED   the wait is over, or was stopped
  //   CKR_USER_NOT_LOGGED_IN  401
  //   CKR_DEVICE_ERROR        the control plane does not answer, or nonsense
  Result<void> obtain(const Refusal& denial);

  [[nodiscard]] bool waits() const;

 private:
  Result<void> begin_round(const Refusal& denial);
  Result<void> await(const std::string& id, std::string missing);
  [[nodiscard]] Result<void> judge(const ApprovalRequest& request) const;
  [[nodiscard]] tl::unexpected<Error> end(CK_RV rv, const std::string& what,
                                          const std::string& request) const;
  [[nodiscard]] tl::unexpected<Error> stopped(const std::string& request) const;

  const Means means_;
  const Credential& credential_;
  const std::string& signer_;
  const Deadline until_;
  unsigned rounds_ = 0;
  std::chrono::milliseconds pause_;  // before the next round
};

}  // namespace sealwright::remote
