// Small files that the configuration names.
#pragma once

#include <cstddef>
#include <string>

#include "base/result.h"

namespace sealwright {

struct FileText {
  std::string text;
  bool readable_by_others = false;  // by the group, or by everybody
};

// A regular file of at most `limit` octets.
// Errors: CKR_GENERAL_ERROR for the person, naming the file and the cause.
Result<FileText> read_file(const std::string& path, std::size_t limit);

// The same, refused when others can read it.
Result<std::string> read_private_file(const std::string& path, std::size_t limit);

// The refusal, in words that say what to do.
Error too_open(const std::string& path);

}  // namespace sealwright
