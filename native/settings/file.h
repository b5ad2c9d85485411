// pkcs11.toml, read strictly: an unknown key or a wrong type is an error, never ignored.
#pragma once

#include <string>

#include "base/result.h"
#include "settings/table.h"

namespace sealwright::settings {

// Relative paths in it start at its folder.
// Errors: CKR_GENERAL_ERROR for the person: "path:line: key: what is wrong".
Result<Draft> read_config_file(const std::string& path);

}  // namespace sealwright::settings
