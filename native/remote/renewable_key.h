// The configured API key, which may be another by now: its file is rotated under a host that runs
// for weeks.
#pragma once

#include <mutex>
#include <optional>

#include "base/result.h"
#include "base/secret.h"
#include "base/settings.h"

namespace sealwright::remote {

// Any number of threads.
class RenewableKey {
 public:
  explicit RenewableKey(const Settings& settings)
      : named_(settings.api_key), read_again_(settings.read_api_key_again), current_(named_) {}

  // What is to be sent where `key` is meant: the configured one is the newest that was read.
  [[nodiscard]] Secret current(const Secret& key) const;

  // `sent`, in the place of `key`, was refused: whether there is another one now.
  bool renew(const Secret& key, const Secret& sent);

 private:
  const std::optional<Secret> named_;
  const std::function<Result<Secret>()> read_again_;
  mutable std::mutex mutex_;  // of what follows; never held while a file is read
  std::optional<Secret> current_;
};

}  // namespace sealwright::remote
