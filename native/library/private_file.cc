#include "library/private_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace sealwright {
namespace {

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  [[nodiscard]] int get() const { return fd_; }

 private:
  int fd_;
};

tl::unexpected<Error> unreadable(const std::string& path, const std::string& why) {
  return fail(Error::tell(CKR_GENERAL_ERROR, path + ": " + why));
}

}  // namespace

Error too_open(const std::string& path) {
  return Error::tell(CKR_GENERAL_ERROR,
                     path + " holds a secret and can be read by others; chmod 600 it");
}

Result<FileText> read_file(const std::string& path, std::size_t limit) {
  // Non-blocking: a pipe that nobody writes to must not hold the host process.
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  struct stat facts {};
  if (file.get() < 0 || ::fstat(file.get(), &facts) != 0) {
    return unreadable(path, std::generic_category().message(errno));
  }
  if (!S_ISREG(facts.st_mode)) return unreadable(path, "not a regular file");
  if (static_cast<std::size_t>(facts.st_size) > limit) return unreadable(path, "too large");

  FileText result;
  result.readable_by_others = (facts.st_mode & (S_IRGRP | S_IROTH)) != 0;
  result.text.resize(limit);
  std::size_t size = 0;
  while (size < limit) {
    const ssize_t got = ::read(file.get(), result.text.data() + size, limit - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return unreadable(path, std::generic_category().message(errno));
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
  }
  result.text.resize(size);
  return result;
}

Result<std::string> read_private_file(const std::string& path, std::size_t limit) {
  Result<FileText> file = read_file(path, limit);
  if (!file) return fail(file.error());
  if (file->readable_by_others) return fail(too_open(path));
  return std::move(file->text);
}

}  // namespace sealwright
