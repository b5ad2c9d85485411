// pkcs11.toml, read strictly: an unknown key or a wrong type is an error, never ignored.
#pragma once

#include <string>

#include "base/result.h"
#include "base/settings.h"

namespace sealwright {

struct FileSettings {
  Settings settings;
  std::string api_key_file;  // empty: none named
};

// Errors: CKR_GENERAL_ERROR for the person: "path:line: key: what is wrong".
Result<FileSettings> read_config_file(const std::string& path);

// Seconds to a time span; false outside 0.1 to 3600.
bool to_timeout(double seconds, std::chrono::milliseconds& span);
// "off", "error", "warning", "info" or "debug".
bool to_log_level(std::string_view text, LogLevel& level);

}  // namespace sealwright
