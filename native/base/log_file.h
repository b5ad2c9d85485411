// The file that `[log]` names, whoever else has a hand in the folders above it.
#pragma once

#include <string>

namespace sealwright {

// A descriptor above 2 to append one line to, or -1 and why in errno. Not inherited; not blocking,
// because it may be a pipe that nobody reads. A symbolic link is followed only where it and what it
// leads to belong to root or to this user, and at the end of the path only to what is there
// (ELOOP).
int open_log_file(const std::string& named);

}  // namespace sealwright
