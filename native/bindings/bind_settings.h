// What the module's own code makes of its settings, where the tests compare it with other code.
#pragma once

#include <pybind11/pybind11.h>

namespace sealwright::bindings {

void bind_settings(pybind11::module_& extension);

}  // namespace sealwright::bindings
