#include "token/expiry.h"

#include <array>
#include <atomic>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace sealwright::token {
namespace {

constexpr std::chrono::days kNotice{30};

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

std::optional<std::string> expiry_warning(const remote::SignerRecord& record) {
  const auto end = day_of(record.not_after);
  // In days: the year 9999 is beyond what a clock of nanoseconds can hold.
  const auto today = std::chrono::floor<std::chrono::days>(std::chrono::system_clock::now());
  if (!end || *end > today + kNotice || !first_warning(record.number)) return std::nullopt;
  return "signer " + record.name + ": the certificate ends on " + record.not_after;
}

}  // namespace sealwright::token
