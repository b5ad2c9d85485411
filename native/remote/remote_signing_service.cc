#include "remote/remote_signing_service.h"

#include <utility>

#include "remote/approval.h"
#include "remote/receipts.h"

namespace sealwright::remote {

RemoteSigningService::RemoteSigningService(std::unique_ptr<ControlPlane> plane,
                                           Settings::Approval approval, std::string receipts,
                                           const Log& log)
    : plane_(std::move(plane)),
      approval_(std::move(approval)),
      receipts_(std::move(receipts)),
      log_(log) {}

Result<std::unique_ptr<Catalogue>> RemoteSigningService::fetch_catalogue(
    const Credential& credential, const std::optional<std::string>& held) {
  return plane_->fetch_catalogue(credential, held);
}

Result<Signed> RemoteSigningService::sign(const Credential& credential, const std::string& signer,
                                          const std::string& certificate_serial,
                                          const crypto::DigestToSign& what) {
  const RecentRefusals::Call call{credential, signer, what, Deadline::Clock::now()};
  auto answer = plane_->sign(credential, signer, certificate_serial, what);
  if (!answer && answer.error().is_want_of_grant()) {
    if (auto refused = refusals_.recall(call)) return fail(*std::move(refused));
    Approval approval({*plane_, approval_, log_, stopped_}, credential, signer);
    do {
      if (auto granted = approval.obtain(answer.error()); !granted) {
        if (approval.waits()) refusals_.remember(call, granted.error());
        return fail(std::move(granted).error());
      }
      answer = plane_->sign(credential, signer, certificate_serial, what);
    } while (!answer && answer.error().is_want_of_grant());
  }
  if (!answer) return fail(for_person(signer, answer.error()));
  if (!receipts_.empty()) keep_receipt(receipts_, signer, *answer, log_);
  return *std::move(answer);
}

void RemoteSigningService::stop() noexcept { stopped_ = true; }

void RemoteSigningService::abandon_after_fork() noexcept { plane_->abandon_after_fork(); }

}  // namespace sealwright::remote
