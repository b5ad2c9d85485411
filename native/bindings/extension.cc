#include <pybind11/stl.h>

#include "bindings/bind.h"
#include "bindings/bind_settings.h"
#include "bindings/every_function.h"

namespace py = pybind11;
using namespace py::literals;

namespace {

using sealwright::bindings::Argument;

template <typename... Classes>
Argument as_object(py::handle value) {
  Argument found;
  const bool known =
      ((py::isinstance<Classes>(value) && (found = value.cast<Classes*>(), true)) || ...);
  if (!known) {
    throw py::type_error("no C function takes such an argument");
  }
  return found;
}

Argument as_argument(py::handle value) {
  using namespace sealwright::bindings;
  if (value.is_none()) {
    return std::monostate();
  }
  if (py::isinstance<py::int_>(value)) {
    return value.cast<CK_ULONG>();
  }
  if (py::isinstance<py::bytes>(value)) {
    return py::reinterpret_borrow<py::bytes>(value);
  }
  if (py::isinstance<py::bytearray>(value)) {
    return py::reinterpret_borrow<py::bytearray>(value);
  }
  return as_object<Buffer, Numbers, Mechanism, Template, InitializeArguments>(value);
}

}  // namespace

PYBIND11_MODULE(_native, extension) {
  using namespace sealwright::bindings;

  extension.doc() =
      "Any PKCS#11 module, called as C calls it: every method of Module returns the CK_RV, alone "
      "or "
      "first in a tuple, and raises for nothing that the module answers. The GIL is released in "
      "every call.";
  py::register_exception<LoadError>(extension, "LoadError", PyExc_RuntimeError);

  bind_arguments(extension);
  bind_information(extension);
  bind_settings(extension);
  extension.def("function_names", &function_names,
                "The functions of PKCS#11 up to 3.0, in the order of CK_FUNCTION_LIST_3_0.");

  ModuleClass module(extension, "Module", "A PKCS#11 module loaded by path.");
  module.def(py::init<const std::string&>(), "path"_a)
      .def("unload", &LoadedModule::unload, "dlclose, without C_Finalize")
      .def("missing_functions", &missing_functions, "functions whose pointer is null")
      .def(
          "call",
          [](const LoadedModule& self, const std::string& name, const py::args& arguments) {
            std::vector<Argument> given;
            for (const py::handle argument : arguments) {
              given.push_back(as_argument(argument));
            }
            return call(self, name, given);
          },
          "name"_a, "calls by name: None is a null pointer, bytearray is memory to write to")
      .def(
          "call_with_nulls",
          [](const LoadedModule& self, const std::string& name, CK_ULONG first) {
            return call_with_nulls(self, name, first);
          },
          "name"_a, "first"_a = 0,
          "calls by name: first where a number comes first, else null or 0 everywhere");
  bind_general(module);
  bind_sessions(module);
  bind_objects(module);
  bind_signatures(module);
  bind_digests(module);
}
