// The module's settings, read by its own code.
#pragma once

#include <pybind11/pybind11.h>

namespace sealwright::bindings {

void bind_settings(pybind11::module_& extension);

}  // namespace sealwright::bindings
