// The function list as a whole: which pointers are there, and each function called with nulls.
#pragma once

#include <string>
#include <vector>

#include "bindings/loaded_module.h"

namespace sealwright::bindings {

// The 68 names of PKCS#11 v2.40, in the order of CK_FUNCTION_LIST.
std::vector<std::string> function_names();

// Names of those whose pointer is null.
std::vector<std::string> missing_functions(const LoadedModule& module);

// Calls by name: `first` where the first parameter is a number, else null, null or 0 for the rest.
// Throws std::invalid_argument for an unknown name.
CK_RV call_with_nulls(const LoadedModule& module, const std::string& name, CK_ULONG first);

}  // namespace sealwright::bindings
