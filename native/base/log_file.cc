#include "base/log_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string_view>

#include "base/descriptor.h"
#include "base/trust.h"

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

// A folder named without links, which stays without them while it is opened.
int open_folder(std::string_view path) {
  int fd = ::open("/", kFolder);
  while (fd >= 0 && !path.empty()) {
    const std::string name(path.substr(0, path.find('/')));
    path.remove_prefix(std::min(name.size() + 1, path.size()));
    if (!name.empty()) fd = exchange(fd, ::openat(fd, name.c_str(), kFolder));
  }
  return fd;
}

bool leads_to_strangers(const Way& way) {
  struct stat facts {};
  if (!way.by_link) return false;
  return way.by_strangers || ::lstat(way.end.c_str(), &facts) != 0 ||
         !is_trusted_owner(facts.st_uid);
}

}  // namespace

int open_log_file(const std::string& named) {
  // A link at the end of the path counts as those before it; a file that is not there is made.
  const Way whole = way_to(named);
  const std::string path = whole.fault == 0 && !leads_to_strangers(whole) ? whole.end : named;
  const std::size_t slash = path.rfind('/');
  const std::string name = path.substr(slash == std::string::npos ? 0 : slash + 1);
  const std::string folder = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  const Way way = way_to(folder);
  if (way.fault != 0 || leads_to_strangers(way)) {
    errno = way.fault != 0 ? way.fault : ELOOP;
    return -1;
  }
  const int fd = open_folder(way.end);
  if (fd < 0) return -1;
  constexpr int kHow =
      O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;
  return clear_of_standard(exchange(fd, ::openat(fd, name.c_str(), kHow, S_IRUSR | S_IWUSR)));
}

}  // namespace sealwright
