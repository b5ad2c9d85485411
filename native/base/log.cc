#include "base/log.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "base/redact.h"

namespace sealwright {
namespace {

// One write(2), so that lines of several threads and processes do not mix. A line that cannot be
// written is lost: logging must never fail a signature.
void put_line(const std::string& file, std::string_view message) {
  const std::string line = "sealwright: " + escape_controls(mask_api_keys(message)) + "\n";
  // Opened for each line: no descriptor to inherit, nothing to reopen after log rotation.
  const int fd = file.empty()
                     ? STDERR_FILENO
                     : ::open(file.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW,
                              S_IRUSR | S_IWUSR);
  if (fd < 0) return;
  [[maybe_unused]] const ssize_t written = ::write(fd, line.data(), line.size());
  if (!file.empty()) ::close(fd);
}

void put_line_quietly(const std::string& file, std::string_view message) noexcept {
  const int saved_errno = errno;
  try {
    put_line(file, message);
  } catch (...) {  // NOLINT(bugprone-empty-catch): out of memory; the line is lost
  }
  errno = saved_errno;
}

}  // namespace

Log::Log(LogLevel level, std::string file) : level_(level), file_(std::move(file)) {}

void Log::write(LogLevel level, std::string_view message) const noexcept {
  if (level == LogLevel::kOff || level > level_) return;
  put_line_quietly(file_, message);
}

void Log::tell(std::string_view message) const noexcept {
  if (level_ == LogLevel::kOff) return;
  put_line_quietly(file_, message);
}

}  // namespace sealwright
