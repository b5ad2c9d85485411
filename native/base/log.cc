#include "base/log.h"

#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

#include "base/log_file.h"
#include "base/redact.h"

namespace sealwright {

Log::Log(LogLevel level, std::string file) : level_(level), file_(std::move(file)) {}

void Log::write(LogLevel level, std::string_view message) const noexcept {
  if (level == LogLevel::kOff || level > level_) return;
  put_line(message);
}

void Log::tell(std::string_view message) const noexcept {
  if (level_ == LogLevel::kOff) return;
  put_line(message);
}

// Logging must never fail a signature: a line that cannot be written anywhere is lost.
void Log::put_line(std::string_view message) const noexcept {
  const int saved_errno = errno;
  try {
    const std::string line = "sealwright: " + escape_controls(mask_credentials(message)) + "\n";
    if (file_.empty() || !put_into_file(line)) put_on_standard_error(line);
  } catch (...) {  // NOLINT(bugprone-empty-catch): out of memory; the line is lost
  }
  errno = saved_errno;
}

// Opened for each line: no descriptor to inherit, nothing to reopen after log rotation.
bool Log::put_into_file(std::string_view line) const {
  const int fd = open_log_file(file_);
  if (fd < 0) {
    const std::string why = std::generic_category().message(errno);
    if (!has_told_.exchange(true)) {
      put_on_standard_error("sealwright: log file " + escape_controls(file_) + ": " + why +
                            "; its lines go to stderr\n");
    }
    return false;
  }
  write_line(fd, line);
  ::close(fd);
  return true;
}

void Log::put_on_standard_error(std::string_view line) const noexcept {
  if (standard_error_.is_there()) write_line(STDERR_FILENO, line);
}

}  // namespace sealwright
