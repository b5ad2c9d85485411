#include "base/descriptor.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <csignal>
#include <ctime>

namespace sealwright {
namespace {

constexpr int kPatience = 100;  // milliseconds for a reader that is merely slow

// Keeps a signal from this thread, and takes away the one that a write here has raised.
class Without {
 public:
  explicit Without(int signal) noexcept {
    sigemptyset(&signal_);
    sigaddset(&signal_, signal);
    sigset_t pending;
    sigpending(&pending);
    was_pending_ = sigismember(&pending, signal) == 1;
    pthread_sigmask(SIG_BLOCK, &signal_, &before_);
  }
  ~Without() {
    if (raised_ && !was_pending_) {
      const timespec now{};
      while (sigtimedwait(&signal_, nullptr, &now) < 0 && errno == EINTR) continue;
    }
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }
  Without(const Without&) = delete;
  Without& operator=(const Without&) = delete;

  void raised() noexcept { raised_ = true; }

 private:
  sigset_t signal_{};
  sigset_t before_{};
  bool was_pending_ = false;
  bool raised_ = false;
};

// An inherited descriptor was open across exec; one that is closed there was opened since.
bool can_be_standard_error() noexcept {
  const int flags = ::fcntl(STDERR_FILENO, F_GETFD);
  const int status = ::fcntl(STDERR_FILENO, F_GETFL);
  return flags >= 0 && status >= 0 && (flags & FD_CLOEXEC) == 0 && (status & O_ACCMODE) != O_RDONLY;
}

bool is_same(const struct stat& one, const struct stat& other) noexcept {
  return one.st_dev == other.st_dev && one.st_ino == other.st_ino;
}

// What a host puts under 2 on purpose, with dup2, it mostly has under another number as well.
bool has_another_number(const struct stat& file) noexcept {
  constexpr int kNumbers = 256;
  for (int fd = 0; fd < kNumbers; ++fd) {
    struct stat facts {};
    if (fd != STDERR_FILENO && ::fstat(fd, &facts) == 0 && is_same(facts, file)) return true;
  }
  return false;
}

}  // namespace

int clear_of_standard(int fd) noexcept {
  if (fd < 0 || fd > STDERR_FILENO) return fd;
  const int moved = ::fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
  const int fault = errno;
  ::close(fd);
  errno = fault;
  return moved;
}

void write_line(int fd, std::string_view line) noexcept {
  pollfd ready{fd, POLLOUT, 0};
  if (::poll(&ready, 1, kPatience) != 1 || (ready.revents & POLLOUT) == 0) return;
  Without quiet(SIGPIPE);
  // As much as is written in one piece, and a line whatever it was cut to.
  std::array<char, PIPE_BUF> cut{};
  if (line.size() > cut.size()) {
    std::copy_n(line.begin(), cut.size() - 1, cut.begin());
    cut.back() = '\n';
    line = {cut.data(), cut.size()};
  }
  if (::write(fd, line.data(), line.size()) < 0 && errno == EPIPE) quiet.raised();
}

int write_all(int fd, std::string_view text) noexcept {
  Without quiet(SIGXFSZ);
  while (!text.empty()) {
    const ssize_t written = ::write(fd, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) {
      const int fault = errno;
      if (fault == EFBIG) quiet.raised();
      return fault;
    }
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  return 0;
}

StandardError::StandardError() noexcept {
  struct stat facts {};
  if (!can_be_standard_error() || ::fstat(STDERR_FILENO, &facts) != 0) return;
  known_ = true;
  device_ = facts.st_dev;
  inode_ = facts.st_ino;
}

bool StandardError::is_there() const noexcept {
  struct stat facts {};
  if (!can_be_standard_error() || ::fstat(STDERR_FILENO, &facts) != 0) return false;
  if (known_ && facts.st_dev == device_ && facts.st_ino == inode_) return true;
  // Another file since. A terminal, or a log as daemons open them, is nobody's data.
  const bool appends = (::fcntl(STDERR_FILENO, F_GETFL) & O_APPEND) != 0;
  return S_ISCHR(facts.st_mode) || (S_ISREG(facts.st_mode) && appends) || has_another_number(facts);
}

}  // namespace sealwright
