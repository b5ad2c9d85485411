#include "token/expiry.h"

#include <array>
#include <atomic>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

namespace sealwright::token {
namespace {

constexpr std::chrono::days kNotice{30};
constexpr std::size_t kMostLines = 3;

// The day of a time of RFC 3339; none for anything else.
std::optional<std::chrono::sys_days> day_of(std::string_view time) {
  constexpr std::string_view kForm = "YYYY-MM-DD";
  if (time.size() < kForm.size() || time[4] != '-' || time[7] != '-') {
    return std::nullopt;
  }
  const auto digits = [time](std::size_t first, std::size_t count) {
    unsigned value = 0;
    const std::string_view text = time.substr(first, count);
    const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), value);
    return fault == std::errc() && end == text.data() + text.size() ? value : 0;
  };
  const std::chrono::year_month_day day{std::chrono::year(static_cast<int>(digits(0, 4))),
                                        std::chrono::month(digits(5, 2)),
                                        std::chrono::day(digits(8, 2))};
  if (!day.ok()) {
    return std::nullopt;
  }
  return std::chrono::sys_days(day);
}

// One bit a signer number, modulo the size: two numbers that share one lose a warning, no more.
bool first_warning(std::uint32_t number) {
  constexpr std::uint32_t kBits = 64;
  static std::array<std::atomic<std::uint64_t>, kBits> warned{};
  const std::uint64_t bit = std::uint64_t{1} << (number % kBits);
  return (warned.at(number / kBits % kBits).fetch_or(bit) & bit) == 0;
}

}  // namespace

void ExpiryWarnings::look_at(const Signer& signer) {
  const remote::SignerRecord& record = signer.record();
  std::string what;
  if (record.status == remote::SignerStatus::kExpired) {
    what = "the certificate expired on " + record.not_after + "; it signs again after a renewal";
  } else if (signer.has_token()) {
    const auto end = day_of(record.not_after);
    // In days: the year 9999 is beyond what a clock of nanoseconds can hold.
    const auto today = std::chrono::floor<std::chrono::days>(std::chrono::system_clock::now());
    if (!end || *end > today + kNotice) return;
    what = "the certificate ends on " + record.not_after;
  } else {
    return;
  }
  if (!first_warning(record.number)) return;
  lines_.push_back("signer " + record.name + ": " + what);
  names_.push_back(record.name);
}

void ExpiryWarnings::write(const Log& log) const {
  if (lines_.size() <= kMostLines) {
    for (const std::string& line : lines_) log.write(LogLevel::kWarning, line);
    return;
  }
  std::string line = "the certificates of " + std::to_string(names_.size()) +
                     " signers have expired or end within 30 days: ";
  for (std::size_t i = 0; i < kMostLines; ++i) line += names_[i] + ", ";
  log.write(LogLevel::kWarning, line + "…");
}

}  // namespace sealwright::token
