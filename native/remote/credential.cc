#include "remote/credential.h"

#include <mutex>
#include <utility>

namespace sealwright::remote {

struct Credential::State {
  State(std::string name, Secret first, Source from)
      : who(std::move(name)), source(std::move(from)), bearer(std::move(first)) {}

  const std::string who;
  const Source source;
  std::mutex mutex;  // of what follows; never held while the source is asked
  Secret bearer;
};

Credential::Credential(std::string who, Secret bearer, Source source)
    : state_(std::make_shared<State>(std::move(who), std::move(bearer), std::move(source))) {}

const std::string& Credential::who() const { return state_->who; }

Secret Credential::bearer() const {
  const std::lock_guard lock(state_->mutex);
  return state_->bearer;
}

bool Credential::renew(const Secret& refused) const {
  if (!state_->source) return false;
  if (bearer() != refused) return true;
  Result<Secret> found = state_->source();
  if (!found || *found == refused) return false;
  const std::lock_guard lock(state_->mutex);
  state_->bearer = *std::move(found);
  return true;
}

std::optional<Credential> configured_credential(const Settings& settings) {
  if (!settings.api_key) return std::nullopt;
  return Credential("the configured API key", *settings.api_key, settings.read_api_key_again);
}

}  // namespace sealwright::remote
