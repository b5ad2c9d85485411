// One absolute point in time that a whole call, retries included, must not pass.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>

namespace sealwright {

class Deadline {
 public:
  using Clock = std::chrono::steady_clock;

  static Deadline after(std::chrono::milliseconds span) {
    return Deadline(Clock::now() + span, nullptr);
  }
  // The earlier of this deadline and `span` from now: a phase with a limit of its own.
  [[nodiscard]] Deadline within(std::chrono::milliseconds span) const {
    return Deadline(std::min(at_, Clock::now() + span), called_off_);
  }
  // The same, but passed at once when another thread sets `called_off`, which must outlive it.
  [[nodiscard]] Deadline unless(const std::atomic<bool>& called_off) const {
    return Deadline(at_, &called_off);
  }
  [[nodiscard]] bool passed() const { return is_called_off() || Clock::now() >= at_; }
  // Never negative; rounded up, so that a poll() never spins.
  [[nodiscard]] std::chrono::milliseconds left() const {
    if (is_called_off()) return std::chrono::milliseconds::zero();
    const auto rest = std::chrono::ceil<std::chrono::milliseconds>(at_ - Clock::now());
    return std::max(rest, std::chrono::milliseconds::zero());
  }
  // How long one may sleep before asking again whether it has passed.
  [[nodiscard]] std::chrono::milliseconds until_next_look() const {
    return called_off_ == nullptr ? left() : std::min(left(), kLook);
  }

 private:
  static constexpr std::chrono::milliseconds kLook{200};

  Deadline(Clock::time_point at, const std::atomic<bool>* called_off)
      : at_(at), called_off_(called_off) {}
  [[nodiscard]] bool is_called_off() const { return called_off_ != nullptr && called_off_->load(); }

  Clock::time_point at_;
  const std::atomic<bool>* called_off_;  // null: nobody can
};

}  // namespace sealwright
