#include "base/new_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "base/descriptor.h"
#include "base/folder.h"

namespace sealwright {
namespace {

constexpr mode_t kMode = S_IRUSR | S_IWUSR | S_IRGRP | S_IROTH;

int write_new(int folder, const std::string& name, std::string_view text) {
  constexpr int kHow = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
  const int fd = clear_of_standard(::openat(folder, name.c_str(), kHow, kMode));
  if (fd < 0) return errno;
  const int fault = write_all(fd, text);
  return ::close(fd) != 0 && fault == 0 ? errno : fault;
}

int rename_to_new(int folder, const std::string& from, const std::string& to) {
  if (::renameat2(folder, from.c_str(), folder, to.c_str(), RENAME_NOREPLACE) == 0) return 0;
  if (errno != EINVAL && errno != ENOSYS) return errno;
  // A file system that knows only links, then.
  if (::linkat(folder, from.c_str(), folder, to.c_str(), 0) != 0) return errno;
  ::unlinkat(folder, from.c_str(), 0);
  return 0;
}

}  // namespace

int make_file(const std::string& folder, const std::string& name, std::string_view text) {
  const int place = open_folder(folder);
  if (place < 0) return errno;
  const std::string hidden = "." + name + ".new";
  int fault = write_new(place, hidden, text);
  const bool is_ours = fault != EEXIST;
  if (fault == 0) fault = rename_to_new(place, hidden, name);
  if (fault != 0 && is_ours) ::unlinkat(place, hidden.c_str(), 0);
  ::close(place);
  return fault;
}

}  // namespace sealwright
