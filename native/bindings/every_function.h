// The function list as a whole: which pointers are there, and each function called by its name.
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "bindings/input.h"
#include "bindings/loaded_module.h"
#include "bindings/output.h"

namespace sealwright::bindings {

// The names of PKCS#11 up to 3.0, in the order of CK_FUNCTION_LIST_3_0.
std::vector<std::string> function_names();

// Names of those whose pointer is null, in the lists that the module has.
std::vector<std::string> missing_functions(const LoadedModule& module);

// What any parameter may be given: a null pointer, a number, octets to read, memory to write to
// (its own guard notices a write past a Buffer's end), a structure.
using Argument = std::variant<std::monostate, CK_ULONG, pybind11::bytes, pybind11::bytearray,
                              Buffer*, Numbers*, Mechanism*, Template*, InitializeArguments*>;

// Calls by name with these arguments. Throws std::invalid_argument for an unknown name, another
// number of them, or a number where a pointer goes and the reverse; LoadError for a function that
// the module does not have.
CK_RV call(const LoadedModule& module, const std::string& name,
           const std::vector<Argument>& arguments);

// Calls by name: `first` where the first parameter is a number, else null, null or 0 for the rest.
// Throws std::invalid_argument for an unknown name.
CK_RV call_with_nulls(const LoadedModule& module, const std::string& name, CK_ULONG first);

}  // namespace sealwright::bindings
