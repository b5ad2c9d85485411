#include <pybind11/stl.h>

#include "bindings/bind.h"
#include "bindings/every_function.h"

namespace py = pybind11;
using namespace py::literals;

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
  extension.def("function_names", &function_names,
                "The 68 functions of PKCS#11 v2.40, in the order of CK_FUNCTION_LIST.");

  ModuleClass module(extension, "Module", "A PKCS#11 module loaded by path.");
  module.def(py::init<const std::string&>(), "path"_a)
      .def("unload", &LoadedModule::unload, "dlclose, without C_Finalize")
      .def("missing_functions", &missing_functions, "functions whose pointer is null")
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
