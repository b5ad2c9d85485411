// SEALWRIGHT_* variables.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "settings/table.h"

namespace sealwright::settings {

// Without blanks and line ends around it; an empty one counts as unset. A privileged process has
// none.
std::optional<std::string> variable(const char* name);

// The names of those that were set. Relative paths in them start at the current folder.
// Errors: CKR_GENERAL_ERROR for the person, naming the variable and never its value.
Result<std::vector<std::string>> apply_variables(Draft& draft);

}  // namespace sealwright::settings
