#include "net/open_descriptors.h"

#include <sys/stat.h>
#include <unistd.h>

namespace sealwright::net {
namespace {

constexpr int kFree = -1;
constexpr int kTaken = -2;  // an entry that is being written

}  // namespace

void OpenDescriptors::add(int fd) noexcept {
  struct stat facts {};
  if (::fstat(fd, &facts) != 0) return;
  for (Entry& entry : entries_) {
    int expected = kFree;
    if (!entry.fd.compare_exchange_strong(expected, kTaken)) continue;
    entry.inode.store(facts.st_ino);
    entry.fd.store(fd);
    return;
  }
}

void OpenDescriptors::remove(int fd) noexcept {
  for (Entry& entry : entries_) {
    int expected = fd;
    if (entry.fd.compare_exchange_strong(expected, kFree)) return;
  }
}

void OpenDescriptors::close_all() noexcept {
  for (Entry& entry : entries_) {
    const int fd = entry.fd.exchange(kFree);
    struct stat facts {};
    if (fd < 0 || ::fstat(fd, &facts) != 0) continue;
    if (S_ISSOCK(facts.st_mode) && facts.st_ino == entry.inode.load()) ::close(fd);
  }
}

}  // namespace sealwright::net
