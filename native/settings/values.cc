#include "settings/values.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "base/utf8.h"

namespace sealwright::settings {
namespace {

using std::chrono::seconds;

constexpr seconds kDay{86'400};
constexpr seconds kLongestWindow = 30 * kDay;
constexpr seconds kLongestWait = 7 * kDay;
constexpr std::int64_t kMostSignings = 1'000'000'000;
constexpr std::size_t kLongestJustification = 2048;

// From 1 s to `longest`.
std::optional<seconds> to_duration(std::string_view text, seconds longest) {
  constexpr std::array<std::pair<char, std::int64_t>, 4> kUnits{
      {{'s', 1}, {'m', 60}, {'h', 3'600}, {'d', 86'400}}};
  if (text.empty()) return std::nullopt;
  const auto* const unit = std::find_if(kUnits.begin(), kUnits.end(), [text](const auto& known) {
    return known.first == text.back();
  });
  if (unit == kUnits.end()) return std::nullopt;
  text.remove_suffix(1);
  std::uint64_t count = 0;
  const char* const last = text.data() + text.size();
  const auto [end, fault] = std::from_chars(text.data(), last, count);
  const auto most = static_cast<std::uint64_t>(longest.count() / unit->second);
  if (fault != std::errc() || end != last || count < 1 || count > most) return std::nullopt;
  return seconds(static_cast<std::int64_t>(count) * unit->second);
}

}  // namespace

bool to_window(std::string_view text, std::optional<seconds>& window) {
  const auto duration = to_duration(text, kLongestWindow);
  if (duration) window = duration;
  return duration.has_value();
}

bool to_wait(std::string_view text, std::chrono::milliseconds& wait) {
  const auto duration = to_duration(text, kLongestWait);
  if (duration) wait = *duration;
  return duration.has_value();
}

bool to_signings(std::int64_t count, std::optional<std::uint32_t>& signings) {
  if (count < 1 || count > kMostSignings) return false;
  signings = static_cast<std::uint32_t>(count);
  return true;
}

bool to_justification(std::string_view text, std::string& justification) {
  const auto length = count_characters(text);
  const bool says_something = text.find_first_not_of(" \t\r\n") != std::string_view::npos;
  if (!length || *length > kLongestJustification || !says_something) return false;
  justification = text;
  return true;
}

bool to_timeout(double seconds, std::chrono::milliseconds& span) {
  if (!(seconds >= 0.1 && seconds <= 3600.0)) return false;
  span = std::chrono::milliseconds(static_cast<std::int64_t>(seconds * 1000.0));
  return true;
}

bool to_log_level(std::string_view text, LogLevel& level) {
  constexpr std::pair<std::string_view, LogLevel> kLevels[] = {{"off", LogLevel::kOff},
                                                               {"error", LogLevel::kError},
                                                               {"warning", LogLevel::kWarning},
                                                               {"info", LogLevel::kInfo},
                                                               {"debug", LogLevel::kDebug}};
  for (const auto& [name, value] : kLevels) {
    if (name != text) continue;
    level = value;
    return true;
  }
  return false;
}

}  // namespace sealwright::settings
