// What the values of settings mean, from the file or a variable alike.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/settings.h"

namespace sealwright::settings {

// After "must be", where one of the functions below says false.
inline constexpr const char* kWindow = R"(a duration from 1s to 30d, such as "8h")";
inline constexpr const char* kWait = R"(a duration from 1s to 7d, such as "10m")";
inline constexpr const char* kSignings = "a number from 1 to 1000000000";
inline constexpr const char* kLogLevel = "off, error, warning, info or debug";
inline constexpr const char* kJustification = "a text of 1 to 2048 characters";

// Digits and one of s, m, h, d. False, and nothing is set, for what is malformed or out of range.
bool to_window(std::string_view text, std::optional<std::chrono::seconds>& window);
bool to_wait(std::string_view text, std::chrono::milliseconds& wait);
bool to_signings(std::int64_t count, std::optional<std::uint32_t>& signings);
// UTF-8, and not white space alone.
bool to_justification(std::string_view text, std::string& justification);
// From 0.1 to 3600.
bool to_timeout(double seconds, std::chrono::milliseconds& span);
bool to_log_level(std::string_view text, LogLevel& level);

}  // namespace sealwright::settings
