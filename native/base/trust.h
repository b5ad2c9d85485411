// Whom this process may believe: files and folders count when only root and its own user can
// change them.
#pragma once

#include <sys/stat.h>

#include <string>
#include <vector>

namespace sealwright {

// Started with more rights than its caller has (set-uid, file capabilities; AT_SECURE): variables
// and files of the caller's making count for nothing.
bool is_privileged() noexcept;

// Of root, or of the user as whom this process acts.
bool is_trusted_owner(uid_t owner) noexcept;

// Somebody else can change it: its owner, its group, or everybody.
bool is_changeable_by_others(const struct stat& facts) noexcept;

// Somebody else can read it. A file of root's that one of the process's groups may read is meant
// so: that is what a secret looks like in a pod.
bool is_readable_by_others(const struct stat& facts);

// How the kernel comes to what a path names, link by link.
struct Way {
  int fault = 0;              // errno, where the way ends before the end of the path
  std::string end;            // where it leads, without links; empty after a fault
  bool by_link = false;       // a symbolic link was followed
  bool by_strangers = false;  // and one that belongs to somebody else
  // Folders passed in which somebody else can put another thing in the place of what is there.
  // Sticky ones such as /tmp are not among them, unless a stranger's link stands there.
  std::vector<std::string> open_folders;
};
Way way_to(const std::string& path);

}  // namespace sealwright
