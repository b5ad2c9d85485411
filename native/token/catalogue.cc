#include "token/catalogue.h"

#include <algorithm>
#include <utility>

namespace sealwright::token {
namespace {

bool same(const remote::SignerRecord& left, const remote::SignerRecord& right) {
  const auto same_octets = [](const auto& one, const auto& other) { return *one == *other; };
  return left.id == right.id && left.name == right.name && left.status == right.status &&
         left.public_key == right.public_key && left.certificate == right.certificate &&
         left.certificate_serial == right.certificate_serial &&
         std::equal(left.issuers.begin(), left.issuers.end(), right.issuers.begin(),
                    right.issuers.end(), same_octets);
}

// Gives the turn back even when fetching throws.
class Turn {
 public:
  Turn(std::unique_lock<std::mutex>& lock, bool& taken, std::condition_variable& changed)
      : lock_(lock), taken_(taken), changed_(changed) {
    taken_ = true;
    lock_.unlock();
  }
  ~Turn() { end(); }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;
  void end() {
    if (!lock_.owns_lock()) {
      lock_.lock();
      taken_ = false;
      changed_.notify_all();
    }
  }

 private:
  std::unique_lock<std::mutex>& lock_;
  bool& taken_;
  std::condition_variable& changed_;
};

}  // namespace

Catalogue::Catalogue(remote::Credential credential, bool login_required,
                     remote::SigningService& service, Handles& handles, const Log& log, Now now)
    : credential_(std::move(credential)),
      login_required_(login_required),
      service_(service),
      handles_(handles),
      log_(log),
      now_(std::move(now)) {}

Result<std::shared_ptr<const Snapshot>> Catalogue::held() { return get(false); }

Result<std::shared_ptr<const Snapshot>> Catalogue::refreshed() { return get(true); }

void Catalogue::mark_old() {
  const std::lock_guard lock(mutex_);
  marked_old_ = true;
}

Result<std::shared_ptr<const Snapshot>> Catalogue::get(bool refresh) {
  std::unique_lock lock(mutex_);
  if (snapshot_ != nullptr) {
    if (!refresh || fetching_ || (now_() < next_fetch_ && !marked_old_)) {
      return snapshot_;
    }
    return fetch(lock);
  }
  fetched_.wait(lock, [this] { return !fetching_; });
  if (snapshot_ != nullptr) {
    return snapshot_;
  }
  if (last_fault_ && now_() < next_fetch_) {
    return fail(*last_fault_);
  }
  return fetch(lock);
}

Result<std::shared_ptr<const Snapshot>> Catalogue::fetch(std::unique_lock<std::mutex>& lock) {
  const std::shared_ptr<const Snapshot> old = snapshot_;
  const std::string etag = etag_;
  marked_old_ = false;
  const auto held = old == nullptr ? std::nullopt : std::optional(etag);
  Turn turn(lock, fetching_, fetched_);
  auto answer = service_.fetch_catalogue(credential_, held);
  std::shared_ptr<const Snapshot> fresh = old;
  if (answer && *answer != nullptr) {
    fresh = parse(**answer, old.get());
  }
  turn.end();

  if (answer && fresh != nullptr) {
    snapshot_ = fresh;
    etag_ = *answer == nullptr ? etag : (*answer)->etag;
    next_fetch_ = now_() + kFresh;
    pause_ = kFirstPause;
    return snapshot_;
  }
  const Error fault = answer ? Error(CKR_DEVICE_ERROR, "the list of signers is missing")
                             : std::move(answer).error();
  next_fetch_ = now_() + pause_;
  pause_ = std::min(pause_ * 2, kLongestPause);
  if (old != nullptr) {
    log_.write(LogLevel::kWarning,
               "keeping the last list of signers, a new one cannot be had: " + fault.message);
    return old;
  }
  last_fault_ = Error(fault.rv, fault.message);  // said once, by the caller that fetched
  return fail(fault);
}

std::shared_ptr<const Snapshot> Catalogue::parse(remote::Catalogue& answer,
                                                 const Snapshot* old) const {
  auto snapshot = std::make_shared<Snapshot>();
  for (remote::SignerRecord& record : answer.signers) {
    if (old != nullptr) {
      const auto known = old->find(record.number);
      if (known != old->end() && same(known->second->record(), record)) {
        snapshot->emplace_hint(snapshot->end(), record.number, known->second);
        continue;
      }
    }
    const CK_SLOT_ID number = record.number;
    snapshot->emplace_hint(  // numbers ascend
        snapshot->end(), number, Signer::make(std::move(record), login_required_, handles_, log_));
  }
  if (old != nullptr) {
    for (const auto& [number, signer] : *old) {
      if (!snapshot->contains(number)) {
        remote::SignerRecord vanished = signer->record();
        vanished.status = remote::SignerStatus::kGone;
        snapshot->emplace(number,
                          Signer::make(std::move(vanished), login_required_, handles_, log_));
      }
    }
  }
  return snapshot;
}

}  // namespace sealwright::token
