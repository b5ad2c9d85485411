#include <pybind11/stl.h>

#include "bindings/bind.h"
#include "bindings/input.h"
#include "bindings/output.h"

namespace sealwright::bindings {
namespace {

namespace py = pybind11;
using namespace py::literals;

CK_RV wait_for_slot_event(const LoadedModule& module, CK_FLAGS flags, CK_SLOT_ID* slot) {
  return module.call(&CK_FUNCTION_LIST::C_WaitForSlotEvent, flags, slot, nullptr);
}

}  // namespace

void bind_general(ModuleClass& module) {
  module
      .def(
          "initialize",
          [](const LoadedModule& self, InitializeArguments* arguments) {
            return self.call(&CK_FUNCTION_LIST::C_Initialize,
                             static_cast<void*>(pointer_or_null(arguments)));
          },
          "arguments"_a = py::none())
      .def(
          "finalize",
          [](const LoadedModule& self, std::uintptr_t reserved) {
            // NOLINTNEXTLINE(performance-no-int-to-ptr): a module must refuse it unread
            auto* pointer = reinterpret_cast<void*>(reserved);
            return self.call(&CK_FUNCTION_LIST::C_Finalize, pointer);
          },
          "reserved"_a = 0)
      .def("get_function_list",
           [](const LoadedModule& self) {
             CK_FUNCTION_LIST_PTR list = nullptr;
             const CK_RV rv = self.call(&CK_FUNCTION_LIST::C_GetFunctionList, &list);
             return std::pair(rv, list == self.function_list());
           })
      .def("get_info",
           [](const LoadedModule& self) {
             CK_INFO info{};
             const CK_RV rv = self.call(&CK_FUNCTION_LIST::C_GetInfo, &info);
             return std::pair(rv, info);
           })
      .def(
          "get_slot_list",
          [](const LoadedModule& self, bool token_present, Numbers& slots) {
            return self.call(&CK_FUNCTION_LIST::C_GetSlotList,
                             static_cast<CK_BBOOL>(token_present ? CK_TRUE : CK_FALSE),
                             slots.data(), slots.length_pointer());
          },
          "token_present"_a, "slots"_a)
      .def(
          "get_slot_info",
          [](const LoadedModule& self, CK_SLOT_ID slot) {
            CK_SLOT_INFO info{};
            const CK_RV rv = self.call(&CK_FUNCTION_LIST::C_GetSlotInfo, slot, &info);
            return std::pair(rv, info);
          },
          "slot"_a)
      .def(
          "get_token_info",
          [](const LoadedModule& self, CK_SLOT_ID slot) {
            CK_TOKEN_INFO info{};
            const CK_RV rv = self.call(&CK_FUNCTION_LIST::C_GetTokenInfo, slot, &info);
            return std::pair(rv, info);
          },
          "slot"_a)
      .def(
          "get_mechanism_list",
          [](const LoadedModule& self, CK_SLOT_ID slot, Numbers& mechanisms) {
            return self.call(&CK_FUNCTION_LIST::C_GetMechanismList, slot, mechanisms.data(),
                             mechanisms.length_pointer());
          },
          "slot"_a, "mechanisms"_a)
      .def(
          "get_mechanism_info",
          [](const LoadedModule& self, CK_SLOT_ID slot, CK_MECHANISM_TYPE type) {
            CK_MECHANISM_INFO info{};
            const CK_RV rv = self.call(&CK_FUNCTION_LIST::C_GetMechanismInfo, slot, type, &info);
            return std::pair(rv, info);
          },
          "slot"_a, "mechanism"_a)
      .def(
          "wait_for_slot_event",
          [](const LoadedModule& self, CK_FLAGS flags) {
            CK_SLOT_ID slot = 0;
            const CK_RV rv = wait_for_slot_event(self, flags, &slot);
            return std::pair(rv, slot);
          },
          "flags"_a);
}

}  // namespace sealwright::bindings
