// One absolute point in time that a whole call, retries included, must not pass.
#pragma once

#include <algorithm>
#include <chrono>

namespace sealwright {

class Deadline {
 public:
  using Clock = std::chrono::steady_clock;

  static Deadline after(std::chrono::milliseconds span) { return Deadline(Clock::now() + span); }
  // The earlier of this deadline and `span` from now: a phase with a limit of its own.
  [[nodiscard]] Deadline within(std::chrono::milliseconds span) const {
    return Deadline(std::min(at_, Clock::now() + span));
  }
  [[nodiscard]] bool passed() const { return Clock::now() >= at_; }
  // Never negative; rounded up, so that a poll() never spins.
  [[nodiscard]] std::chrono::milliseconds left() const {
    const auto rest = std::chrono::ceil<std::chrono::milliseconds>(at_ - Clock::now());
    return std::max(rest, std::chrono::milliseconds::zero());
  }

 private:
  explicit Deadline(Clock::time_point at) : at_(at) {}
  Clock::time_point at_;
};

}  // namespace sealwright
