#include "settings/trusted_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "base/trust.h"

namespace sealwright::settings {
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

tl::unexpected<Error> refused(const std::string& path, const std::string& why) {
  return fail(Error::tell(CKR_GENERAL_ERROR, path + why));
}

tl::unexpected<Error> unreadable(const std::string& path, int fault) {
  return refused(path, ": " + std::generic_category().message(fault));
}

Result<void> check_who_changes(const std::string& path, const struct stat& facts) {
  if (!is_changeable_by_others(facts)) return {};
  if (!is_trusted_owner(facts.st_uid)) {
    return refused(path, " belongs to user " + std::to_string(facts.st_uid) +
                             ", who can change it; chown it to root, or to user " +
                             std::to_string(::geteuid()) + " as whom this program runs");
  }
  return refused(path, " can be changed by others; chmod go-w it");
}

// In a privileged process, before the file is opened: its caller may have named anything.
Result<void> check_place(const std::string& path) {
  if (!is_privileged()) return {};
  const Way machine = way_to(kMachineFolder);
  const Way way = way_to(path);
  if (way.fault != 0) return unreadable(path, way.fault);
  if (machine.fault != 0 || !way.end.starts_with(machine.end + "/")) {
    const std::string end = way.by_link && way.end != path ? " (it leads to " + way.end + ")" : "";
    return refused(path, end + " is outside " + kMachineFolder +
                             ": a program with raised privileges reads only what is there");
  }
  if (!way.open_folders.empty()) {
    return refused(way.open_folders.front(),
                   " can be written by others, who can put anything in the place of " + path +
                       "; chown it to root and chmod go-w it");
  }
  return {};
}

}  // namespace

Error too_open(const std::string& path) {
  return Error::tell(CKR_GENERAL_ERROR,
                     path + " holds a secret and can be read by others; chmod 600 it");
}

Result<FileText> read_file(const std::string& path, std::size_t limit) {
  if (auto placed = check_place(path); !placed) return fail(placed.error());
  // Non-blocking: a pipe that nobody writes to must not hold the host process.
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  struct stat facts {};
  if (file.get() < 0 || ::fstat(file.get(), &facts) != 0) return unreadable(path, errno);
  if (!S_ISREG(facts.st_mode)) return refused(path, ": not a regular file");
  if (static_cast<std::size_t>(facts.st_size) > limit) return refused(path, ": too large");
  if (auto sound = check_who_changes(path, facts); !sound) return fail(sound.error());

  FileText result;
  result.readable_by_others = is_readable_by_others(facts);
  result.text.resize(limit);
  std::size_t size = 0;
  while (size < limit) {
    const ssize_t got = ::read(file.get(), result.text.data() + size, limit - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return unreadable(path, errno);
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

Result<void> check_file(const std::string& path) {
  // Its place first: what is not there yet can be put there before it is read.
  if (auto placed = check_place(path); !placed) return placed;
  struct stat facts {};
  if (::stat(path.c_str(), &facts) != 0) return {};
  return check_who_changes(path, facts);
}

Result<void> check_folder(const std::string& path) {
  struct stat facts {};
  const bool is_sticky = ::stat(path.c_str(), &facts) == 0 && (facts.st_mode & S_ISVTX) != 0;
  if (is_sticky && is_trusted_owner(facts.st_uid)) return check_place(path);
  return check_file(path);
}

}  // namespace sealwright::settings
