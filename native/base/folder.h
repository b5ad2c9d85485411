// A folder that the configuration names, whoever else has a hand in those above it.
#pragma once

#include <string>

#include "base/trust.h"

namespace sealwright {

// Through a symbolic link of somebody else's, or to what belongs to somebody else through one.
bool leads_to_strangers(const Way& way);

// A descriptor (O_PATH, not inherited) for openat and its kind, or -1 and why in errno. A symbolic
// link is followed only where it and what it leads to belong to root or to this user (else ELOOP).
int open_folder(const std::string& named);

}  // namespace sealwright
