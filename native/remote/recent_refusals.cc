#include "remote/recent_refusals.h"

#include <algorithm>

namespace sealwright::remote {
namespace {

constexpr std::chrono::seconds kMemory{1};
constexpr std::size_t kRoom = 64;

}  // namespace

std::optional<Error> RecentRefusals::recall(const Call& call) const {
  const Secret bearer = call.credential.bearer();
  const std::lock_guard lock(mutex_);
  const auto same = [&call, &bearer](const Entry& entry) {
    return entry.ended <= call.began && call.began - entry.ended <= kMemory &&
           entry.what.scheme == call.what.scheme && entry.what.hash == call.what.hash &&
           entry.what.digest == call.what.digest && entry.signer == call.signer &&
           entry.bearer == bearer;
  };
  const auto found = std::find_if(entries_.rbegin(), entries_.rend(), same);
  if (found == entries_.rend()) return std::nullopt;
  return Error(found->error.rv, found->error.message);
}

void RecentRefusals::remember(const Call& call, const Error& error) {
  const Time now = Deadline::Clock::now();
  const std::lock_guard lock(mutex_);
  std::erase_if(entries_, [now](const Entry& entry) { return now - entry.ended > kMemory; });
  if (entries_.size() < kRoom) {
    entries_.push_back({call.credential.bearer(), call.signer, call.what, error, now});
  }
}

}  // namespace sealwright::remote
