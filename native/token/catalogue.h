// What one API key may see: an immutable snapshot, refreshed by one caller while others use it.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>

#include "base/log.h"
#include "base/result.h"
#include "base/secret.h"
#include "remote/signing_service.h"
#include "token/handles.h"
#include "token/signer.h"

namespace sealwright::token {

// Signers by number. One that the control plane no longer lists stays, as a slot without a token:
// a slot does not vanish under a running process.
using Snapshot = std::map<CK_SLOT_ID, std::shared_ptr<const Signer>>;

class Catalogue {
 public:
  using Clock = std::chrono::steady_clock;
  using Now = std::function<Clock::time_point()>;

  static constexpr std::chrono::seconds kFresh{60};  // no refresh before this age
  // After a fetch that failed, twice as long each time: a host that asks at every turn must not
  // wait at every turn.
  static constexpr std::chrono::seconds kFirstPause{1};
  static constexpr std::chrono::seconds kLongestPause{300};

  Catalogue(remote::Credential credential, bool login_required, remote::SigningService& service,
            Handles& handles, const Log& log, Now now = &Clock::now);

  [[nodiscard]] const remote::Credential& credential() const { return credential_; }

  // The snapshot that is there, whatever its age; fetched only when there is none.
  // Errors: those of SigningService::fetch_catalogue, when there never was a snapshot.
  Result<std::shared_ptr<const Snapshot>> held();

  // The same, but a snapshot older than kFresh is fetched again first. If that fails the old one
  // serves: a network fault makes no token disappear.
  Result<std::shared_ptr<const Snapshot>> refreshed();

  // The control plane said so: whatever its age, the snapshot is fetched again when a fresh one is
  // wanted next.
  void mark_old();

 private:
  Result<std::shared_ptr<const Snapshot>> get(bool refresh);
  Result<std::shared_ptr<const Snapshot>> fetch(std::unique_lock<std::mutex>& lock);
  // Takes the records out of `answer`.
  std::shared_ptr<const Snapshot> parse(remote::Catalogue& answer, const Snapshot* old) const;

  const remote::Credential credential_;
  const bool login_required_;
  remote::SigningService& service_;
  Handles& handles_;
  const Log& log_;
  const Now now_;

  std::mutex mutex_;  // never held across the fetch
  std::condition_variable fetched_;
  bool fetching_ = false;
  bool marked_old_ = false;  // since the last fetch began
  std::shared_ptr<const Snapshot> snapshot_;
  std::string etag_;
  std::optional<Error> last_fault_;  // of a fetch without a snapshot to fall back on
  Clock::time_point next_fetch_;
  std::chrono::seconds pause_{kFirstPause};  // after the next failure
};

}  // namespace sealwright::token
