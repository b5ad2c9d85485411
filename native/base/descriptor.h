// File descriptors in a process that is not ours.
#pragma once

#include <sys/types.h>

#include <string_view>

namespace sealwright {

// The same file under a number above 2, so that nothing of ours is taken for standard input, output
// or error in a host that closed its own; `fd` is closed then. -1 as it is, and when there is no
// other number to be had.
int clear_of_standard(int fd) noexcept;

// One write(2) of a line, or of the part that fits into a pipe at once: lines of several threads
// and processes do not mix. Without SIGPIPE for the host, and without waiting for a reader that has
// stopped: a line that cannot be written is lost.
void write_line(int fd, std::string_view line) noexcept;

// All of it into a file. 0, or why not as an errno (EFBIG without SIGXFSZ for the host).
int write_all(int fd, std::string_view text) noexcept;

// Whether descriptor 2 is where the host's errors go. A host without one may have a file of its own
// there, in which a line of ours has no business.
class StandardError {
 public:
  StandardError() noexcept;  // takes what is there now for it, if it can be
  [[nodiscard]] bool is_there() const noexcept;

 private:
  bool known_ = false;
  dev_t device_ = 0;
  ino_t inode_ = 0;
};

}  // namespace sealwright
