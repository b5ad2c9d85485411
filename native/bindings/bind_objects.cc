#include <pybind11/stl.h>

#include "bindings/bind.h"
#include "bindings/input.h"
#include "bindings/output.h"

namespace sealwright::bindings {
namespace {

namespace py = pybind11;
using namespace py::literals;

// The attributes of a template that may be absent; `count` is what the module is told.
struct Attributes {
  CK_ATTRIBUTE* data;
  CK_ULONG count;
};
Attributes attributes(Template* value, std::optional<CK_ULONG> count) {
  return {pointer_or_null(value), count.value_or(value == nullptr ? 0 : value->count())};
}

}  // namespace

void bind_objects(ModuleClass& module) {
  module
      .def(
          "find_objects_init",
          [](const LoadedModule& self, CK_SESSION_HANDLE session, Template* match,
             std::optional<CK_ULONG> count) {
            const Attributes wanted = attributes(match, count);
            return self.call(&CK_FUNCTION_LIST::C_FindObjectsInit, session, wanted.data,
                             wanted.count);
          },
          "session"_a, "match"_a = py::none(), py::kw_only(), "count"_a = py::none())
      .def(
          "find_objects",
          [](const LoadedModule& self, CK_SESSION_HANDLE session, Numbers& objects) {
            const CK_ULONG room = objects.length();
            return self.call(&CK_FUNCTION_LIST::C_FindObjects, session, objects.data(), room,
                             objects.length_pointer());
          },
          "session"_a, "objects"_a)
      .def(
          "find_objects_final",
          [](const LoadedModule& self, CK_SESSION_HANDLE session) {
            return self.call(&CK_FUNCTION_LIST::C_FindObjectsFinal, session);
          },
          "session"_a)
      .def(
          "get_attribute_value",
          [](const LoadedModule& self, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object,
             Template* room, std::optional<CK_ULONG> count) {
            const Attributes wanted = attributes(room, count);
            return self.call(&CK_FUNCTION_LIST::C_GetAttributeValue, session, object, wanted.data,
                             wanted.count);
          },
          "session"_a, "handle"_a, "room"_a, py::kw_only(), "count"_a = py::none())
      .def(
          "get_object_size",
          [](const LoadedModule& self, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object) {
            CK_ULONG size = 0;
            const CK_RV rv = self.call(&CK_FUNCTION_LIST::C_GetObjectSize, session, object, &size);
            return std::pair(rv, size);
          },
          "session"_a, "handle"_a)
      .def(
          "create_object",
          [](const LoadedModule& self, CK_SESSION_HANDLE session, Template* values) {
            const Attributes given = attributes(values, std::nullopt);
            CK_OBJECT_HANDLE object = CK_INVALID_HANDLE;
            const CK_RV rv = self.call(&CK_FUNCTION_LIST::C_CreateObject, session, given.data,
                                       given.count, &object);
            return std::pair(rv, object);
          },
          "session"_a, "values"_a)
      .def(
          "destroy_object",
          [](const LoadedModule& self, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object) {
            return self.call(&CK_FUNCTION_LIST::C_DestroyObject, session, object);
          },
          "session"_a, "handle"_a)
      .def(
          "generate_key_pair",
          [](const LoadedModule& self, CK_SESSION_HANDLE session, Mechanism* mechanism,
             Template* public_values, Template* private_values) {
            const Attributes for_public = attributes(public_values, std::nullopt);
            const Attributes for_private = attributes(private_values, std::nullopt);
            CK_OBJECT_HANDLE public_key = CK_INVALID_HANDLE;
            CK_OBJECT_HANDLE private_key = CK_INVALID_HANDLE;
            const CK_RV rv =
                self.call(&CK_FUNCTION_LIST::C_GenerateKeyPair, session, pointer_or_null(mechanism),
                          for_public.data, for_public.count, for_private.data, for_private.count,
                          &public_key, &private_key);
            return std::tuple(rv, public_key, private_key);
          },
          "session"_a, "mechanism"_a, "public_values"_a, "private_values"_a);
}

}  // namespace sealwright::bindings
