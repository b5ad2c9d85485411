// The file that `[log]` names, whoever else has a hand in the folders above it.
#pragma once

#include <string>

namespace sealwright {

// A descriptor above 2 to append one line to, or -1 and why in errno. Not inherited; not blocking,
// because it may be a pipe that nobody reads. No symbolic link is followed at the end of the path;
// one before it only where it and the folder that it leads to belong to root or to this user
// (ELOOP).
int open_log_file(const std::string& path);

}  // namespace sealwright
