// The module's voice: one line an event on stderr or in the file that `[log]` names.
#pragma once

#include <atomic>
#include <string>
#include <string_view>

#include "base/descriptor.h"
#include "base/settings.h"

namespace sealwright {

// Lines are "sealwright: <message>\n", written with one write(2); control characters and anything
// that looks like a credential (swk_…, swe_…, swt_…) are masked. Never throws, never blocks on a
// lock across fork, never writes to a descriptor 2 that is not the host's standard error. Where the
// file cannot be opened, lines go to stderr, after one that says so.
class Log {
 public:
  Log(LogLevel level, std::string file);  // an empty file: stderr
  void write(LogLevel level, std::string_view message) const noexcept;
  // For the person at the tool: written unless the level is kOff.
  void tell(std::string_view message) const noexcept;
  [[nodiscard]] LogLevel level() const { return level_; }

 private:
  void put_line(std::string_view message) const noexcept;
  bool put_into_file(std::string_view line) const;
  void put_on_standard_error(std::string_view line) const noexcept;

  LogLevel level_;
  std::string file_;
  StandardError standard_error_;               // as it was at C_Initialize
  mutable std::atomic<bool> has_told_{false};  // that the file cannot be opened
};

}  // namespace sealwright
