// The sockets that one pool holds open, so that a forked child can close its copies.
#pragma once

#include <sys/types.h>

#include <array>
#include <atomic>
#include <cstddef>

namespace sealwright::net {

// Without locks: a thread that does not exist in the child may have been anywhere at the fork.
class OpenDescriptors {
 public:
  // A descriptor that finds no room is used all the same, and merely stays open in children.
  void add(int fd) noexcept;
  // Before the descriptor is closed, so that a number in use by others is never in the list.
  void remove(int fd) noexcept;
  // In a forked child. A descriptor that has become another file since is left alone: daemons
  // close everything that they inherit.
  void close_all() noexcept;

 private:
  static constexpr std::size_t kRoom = 256;
  struct Entry {
    std::atomic<int> fd{-1};
    std::atomic<ino_t> inode{0};
  };
  std::array<Entry, kRoom> entries_;
};

}  // namespace sealwright::net
