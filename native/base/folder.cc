#include "base/folder.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string_view>

namespace sealwright {
namespace {

constexpr int kFolder = O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;

// `next` in the place of `fd`.
int exchange(int fd, int next) {
  const int fault = errno;
  ::close(fd);
  errno = fault;
  return next;
}

// Named without links, and stays without them while it is opened.
int open_straight(std::string_view path) {
  int fd = ::open("/", kFolder);
  while (fd >= 0 && !path.empty()) {
    const std::string name(path.substr(0, path.find('/')));
    path.remove_prefix(std::min(name.size() + 1, path.size()));
    if (!name.empty()) fd = exchange(fd, ::openat(fd, name.c_str(), kFolder));
  }
  return fd;
}

}  // namespace

bool leads_to_strangers(const Way& way) {
  struct stat facts {};
  if (!way.by_link) return false;
  return way.by_strangers || ::lstat(way.end.c_str(), &facts) != 0 ||
         !is_trusted_owner(facts.st_uid);
}

int open_folder(const std::string& named) {
  const Way way = way_to(named);
  if (way.fault != 0 || leads_to_strangers(way)) {
    errno = way.fault != 0 ? way.fault : ELOOP;
    return -1;
  }
  return open_straight(way.end);
}

}  // namespace sealwright
