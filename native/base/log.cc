#include "base/log.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "base/redact.h"

namespace sealwright {
namespace {

// A line that cannot be written is lost: logging must never fail a signature.
void put_line(const std::string& file, const StandardError& standard_error,
              std::string_view message) {
  const std::string line = "sealwright: " + escape_controls(mask_api_keys(message)) + "\n";
  if (file.empty()) {
    if (standard_error.is_there()) write_line(STDERR_FILENO, line);
    return;
  }
  // Opened for each line: no descriptor to inherit, nothing to reopen after log rotation. Not
  // blocking: it may be a pipe that nobody reads.
  constexpr int kHow =
      O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;
  const int fd = clear_of_standard(::open(file.c_str(), kHow, S_IRUSR | S_IWUSR));
  if (fd < 0) return;
  write_line(fd, line);
  ::close(fd);
}

void put_line_quietly(const std::string& file, const StandardError& standard_error,
                      std::string_view message) noexcept {
  const int saved_errno = errno;
  try {
    put_line(file, standard_error, message);
  } catch (...) {  // NOLINT(bugprone-empty-catch): out of memory; the line is lost
  }
  errno = saved_errno;
}

}  // namespace

Log::Log(LogLevel level, std::string file) : level_(level), file_(std::move(file)) {}

void Log::write(LogLevel level, std::string_view message) const noexcept {
  if (level == LogLevel::kOff || level > level_) return;
  put_line_quietly(file_, standard_error_, message);
}

void Log::tell(std::string_view message) const noexcept {
  if (level_ == LogLevel::kOff) return;
  put_line_quietly(file_, standard_error_, message);
}

}  // namespace sealwright
