// Small files that the configuration names. None is believed that somebody else can change: anybody
// but root and the user of this process. In a privileged process they stand under /etc/sealwright,
// in folders that nobody else can write to.
#pragma once

#include <cstddef>
#include <string>

#include "base/result.h"

namespace sealwright::settings {

// The one folder that counts in a privileged process.
inline constexpr const char* kMachineFolder = "/etc/sealwright";

struct FileText {
  std::string text;
  bool readable_by_others = false;  // than root, the user, and the group of a file of root's
};

// A regular file of at most `limit` octets.
// Errors: CKR_GENERAL_ERROR for the person, naming the file, the cause and what to do.
Result<FileText> read_file(const std::string& path, std::size_t limit);

// The same, refused when others can read it.
Result<std::string> read_private_file(const std::string& path, std::size_t limit);

// Refuses one that others can change, for whoever reads it later; one that is not there passes.
Result<void> check_file(const std::string& path);

// The same of a folder. A sticky one such as /tmp passes: what is in it stays its owner's.
Result<void> check_folder(const std::string& path);

// The refusal, in words that say what to do.
Error too_open(const std::string& path);

}  // namespace sealwright::settings
