// Calls that waited for an approval and just ended without it.
//
// Some tools repeat a failed call at once: pkcs11-tool tries C_SignUpdate and C_SignFinal where
// C_Sign failed. That is no new wish: it must not ask again for what was just rejected, nor wait
// as long once more.
#pragma once

#include <chrono>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/deadline.h"
#include "base/result.h"
#include "base/secret.h"
#include "remote/credential.h"
#include "remote/signing_service.h"

namespace sealwright::remote {

// Any number of threads.
class RecentRefusals {
 public:
  using Time = Deadline::Clock::time_point;

  struct Call {
    const Credential& credential;
    const std::string& signer;
    const crypto::DigestToSign& what;
    Time began;
  };

  // Of the same bearer, signer and digest, if it ended at most 1 s before `call` began; not for the
  // person, who was told already.
  [[nodiscard]] std::optional<Error> recall(const Call& call) const;
  void remember(const Call& call, const Error& error);

 private:
  struct Entry {
    Secret bearer;
    std::string signer;
    crypto::DigestToSign what;
    Error error;
    Time ended;
  };

  mutable std::mutex mutex_;  // never held across anything that waits
  std::vector<Entry> entries_;
};

}  // namespace sealwright::remote
