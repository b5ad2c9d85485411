// SigningService over a ControlPlane: signs, gets the grant where one is wanting, keeps receipts.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>

#include "base/log.h"
#include "base/settings.h"
#include "remote/control_plane.h"
#include "remote/recent_refusals.h"
#include "remote/signing_service.h"

namespace sealwright::remote {

// Any number of threads; one that waits for an approval holds up no other.
class RemoteSigningService final : public SigningService {
 public:
  // `log` must outlive this object. `receipts`: the folder for them; empty: they are not kept.
  RemoteSigningService(std::unique_ptr<ControlPlane> plane, Settings::Approval approval,
                       std::string receipts, const Log& log);

  Result<std::unique_ptr<Catalogue>> fetch_catalogue(
      const Credential& credential, const std::optional<std::string>& held) override;
  Result<Signed> sign(const Credential& credential, const std::string& signer,
                      const std::string& certificate_serial,
                      const crypto::DigestToSign& what) override;
  void stop() noexcept override;
  void abandon_after_fork() noexcept override;

 private:
  const std::unique_ptr<ControlPlane> plane_;
  const Settings::Approval approval_;
  const std::string receipts_;
  const Log& log_;
  std::atomic<bool> stopped_{false};
  RecentRefusals refusals_;
};

}  // namespace sealwright::remote
