#include "base/log_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "base/descriptor.h"
#include "base/folder.h"
#include "base/trust.h"

namespace sealwright {

int open_log_file(const std::string& named) {
  // A link at the end of the path counts as those before it; a file that is not there is made.
  const Way whole = way_to(named);
  const std::string path = whole.fault == 0 && !leads_to_strangers(whole) ? whole.end : named;
  const std::size_t slash = path.rfind('/');
  const std::string name = path.substr(slash == std::string::npos ? 0 : slash + 1);
  const int folder = open_folder(slash == std::string::npos ? "." : path.substr(0, slash + 1));
  if (folder < 0) return -1;
  constexpr int kHow =
      O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;
  const int fd = ::openat(folder, name.c_str(), kHow, S_IRUSR | S_IWUSR);
  const int fault = errno;
  ::close(folder);
  errno = fault;
  return clear_of_standard(fd);
}

}  // namespace sealwright
