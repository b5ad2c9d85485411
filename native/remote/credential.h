// What a call presents to the control plane to say who asks.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/result.h"
#include "base/secret.h"
#include "base/settings.h"

namespace sealwright::remote {

// Any number of threads. Copies are one credential: what renews one renews all.
class Credential {
 public:
  using Source = std::function<Result<Secret>()>;

  // `who` is how a line of the log speaks of it: no part of the secret. `source` gives the bearer
  // that is in force now, which under a host that runs for weeks may be another by then; null: the
  // bearer is what it is.
  Credential(std::string who, Secret bearer, Source source = nullptr);

  [[nodiscard]] const std::string& who() const;
  // For "Authorization: Bearer"; the newest that is known.
  [[nodiscard]] Secret bearer() const;

  // The control plane does not know `refused`: whether there is another bearer now. Asks the
  // source, unless another thread was quicker.
  [[nodiscard]] bool renew(const Secret& refused) const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

// The API key that the settings name; none: keys come by C_Login.
std::optional<Credential> configured_credential(const Settings& settings);

}  // namespace sealwright::remote
