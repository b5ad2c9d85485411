#include <pybind11/stl.h>

#include "bindings/bind.h"
#include "bindings/input.h"
#include "bindings/output.h"

namespace sealwright::bindings {
namespace {

namespace py = pybind11;
using namespace py::literals;

py::bytes as_python(std::span<const CK_BYTE> octets) {
  return {reinterpret_cast<const char*>(octets.data()), octets.size()};
}

std::vector<CK_ULONG> as_python(std::span<const CK_ULONG> numbers) {
  return {numbers.begin(), numbers.end()};
}

template <typename Element>
void bind_output(py::module_& extension, const char* name, const char* documentation) {
  using Class = Output<Element>;
  py::class_<Class>(extension, name, documentation)
      .def(py::init<std::optional<CK_ULONG>, std::optional<CK_ULONG>, bool>(),
           "capacity"_a = py::none(), py::kw_only(), "length"_a = py::none(),
           "null_length"_a = false)
      .def_property_readonly("length", &Class::length, "what the module answered")
      .def_property_readonly(
          "value", [](const Class& output) { return as_python(output.written()); },
          "what the module wrote; ValueError if it claims more than there was room for")
      .def_property_readonly("overrun", &Class::overrun,
                             "whether the module wrote past the capacity")
      .def_property_readonly("untouched", &Class::untouched, "whether the module wrote nothing");
}

}  // namespace

void bind_arguments(py::module_& extension) {
  bind_output<CK_BYTE>(extension, "Buffer",
                       "Octets to be written; without a capacity a null pointer.");
  bind_output<CK_ULONG>(extension, "Numbers",
                        "CK_ULONGs to be written; without a capacity a null pointer.");

  py::class_<Mechanism>(extension, "Mechanism", "CK_MECHANISM")
      .def(py::init<CK_MECHANISM_TYPE, std::optional<std::string>, std::optional<CK_ULONG>>(),
           "mechanism"_a, "parameter"_a = py::none(), py::kw_only(), "length"_a = py::none());

  py::class_<Template>(extension, "Template", "An array of CK_ATTRIBUTE")
      .def(py::init<>())
      .def(
          "add",
          [](Template& attributes, CK_ATTRIBUTE_TYPE type, const std::optional<py::bytes>& value,
             std::optional<CK_ULONG> length) {
            std::optional<std::string_view> view;
            if (value) {
              view = *value;
            }
            attributes.add(type, view, length);
          },
          "attribute"_a, "value"_a, py::kw_only(), "length"_a = py::none(),
          "a value to match or to set; None is a null pointer")
      .def("add_room", &Template::add_room, "attribute"_a, "capacity"_a = py::none(), py::kw_only(),
           "length"_a = py::none(), "room to be filled; without a capacity a null pointer")
      .def("__len__", &Template::count)
      .def("length", &Template::length, "index"_a, "ulValueLen as the module left it")
      .def(
          "value",
          [](const Template& attributes, std::size_t index) {
            return as_python(attributes.value(index));
          },
          "index"_a, "what the module wrote; ValueError if nothing")
      .def_property_readonly("overrun", &Template::overrun,
                             "whether the module wrote past a capacity");

  py::class_<InitializeArguments>(extension, "InitializeArguments", "CK_C_INITIALIZE_ARGS")
      .def(py::init<CK_FLAGS, int, std::uintptr_t>(), "flags"_a = 0, py::kw_only(),
           "mutex_functions"_a = 0, "reserved"_a = 0);
}

}  // namespace sealwright::bindings
