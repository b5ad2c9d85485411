#include "remote/renewable_key.h"

#include <utility>

namespace sealwright::remote {

Secret RenewableKey::current(const Secret& key) const {
  if (!named_ || key != *named_) return key;
  const std::lock_guard lock(mutex_);
  return *current_;
}

bool RenewableKey::renew(const Secret& key, const Secret& sent) {
  if (!named_ || key != *named_ || !read_again_) return false;
  if (current(key) != sent) return true;  // another thread was first
  Result<Secret> found = read_again_();
  if (!found || *found == sent) return false;
  const std::lock_guard lock(mutex_);
  current_ = *std::move(found);
  return true;
}

}  // namespace sealwright::remote
