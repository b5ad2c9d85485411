// The parts of the extension: one for each family of functions.
#pragma once

#include <pybind11/pybind11.h>

#include <optional>
#include <string_view>

#include "bindings/loaded_module.h"

namespace sealwright::bindings {

using ModuleClass = pybind11::class_<LoadedModule>;

void bind_arguments(pybind11::module_& extension);
void bind_information(pybind11::module_& extension);  // the structures that C_Get…Info fill
void bind_general(ModuleClass& module);               // PKCS#11 v2.40 §5.4, §5.5
void bind_sessions(ModuleClass& module);              // §5.6
void bind_objects(ModuleClass& module);               // §5.7, §5.14
void bind_signatures(ModuleClass& module);            // §5.11, §5.12
void bind_digests(ModuleClass& module);               // §5.10, §5.15

// The octets of an optional Python bytes object, for C's (pointer, length) pairs that only read.
// `length`, where given, is what the module is told.
struct Octets {
  CK_BYTE* data;
  CK_ULONG length;
};
inline Octets octets(const std::optional<pybind11::bytes>& value, std::optional<CK_ULONG> length) {
  if (!value) {
    return {nullptr, length.value_or(0)};
  }
  const auto view = std::string_view(*value);
  // The API takes non-const pointers, even to what it only reads.
  auto* data = reinterpret_cast<CK_BYTE*>(const_cast<char*>(view.data()));
  return {data, length.value_or(view.size())};
}

template <typename Argument>
auto* pointer_or_null(Argument* argument) {
  return argument == nullptr ? nullptr : argument->get();
}

}  // namespace sealwright::bindings
