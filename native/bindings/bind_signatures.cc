#include <pybind11/stl.h>

#include "bindings/bind.h"
#include "bindings/input.h"
#include "bindings/output.h"

namespace sealwright::bindings {
namespace {

namespace py = pybind11;
using namespace py::literals;
using OptionalBytes = std::optional<py::bytes>;
using OptionalLength = std::optional<CK_ULONG>;

void bind_signing(ModuleClass& module) {
  module
      .def(
          "sign_init",
          [](const LoadedModule& self, CK_SESSION_HANDLE session, Mechanism* mechanism,
             CK_OBJECT_HANDLE key) {
            return self.call(&CK_FUNCTION_LIST::C_SignInit, session, pointer_or_null(mechanism),
                             key);
          },
          "session"_a, "mechanism"_a, "key"_a)
      .def(
          "sign",
          [](const LoadedModule& self, CK_SESSION_HANDLE session, const OptionalBytes& data,
             Buffer& signature, OptionalLength length) {
            const Octets message = octets(data, length);
            return self.call(&CK_FUNCTION_LIST::C_Sign, session, message.data, message.length,
                             signature.data(), signature.length_pointer());
          },
          "session"_a, "data"_a, "signature"_a, py::kw_only(), "length"_a = py::none())
      .def(
          "sign_update",
          [](const LoadedModule& self, CK_SESSION_HANDLE session, const OptionalBytes& part,
             OptionalLength length) {
            const Octets message = octets(part, length);
            return self.call(&CK_FUNCTION_LIST::C_SignUpdate, session, message.data,
                             message.length);
          },
          "session"_a, "part"_a, py::kw_only(), "length"_a = py::none())
      .def(
          "sign_final",
          [](const LoadedModule& self, CK_SESSION_HANDLE session, Buffer& signature) {
            return self.call(&CK_FUNCTION_LIST::C_SignFinal, session, signature.data(),
                             signature.length_pointer());
          },
          "session"_a, "signature"_a);
}

void bind_verifying(ModuleClass& module) {
  module
      .def(
          "verify_init",
          [](const LoadedModule& self, CK_SESSION_HANDLE session, Mechanism* mechanism,
             CK_OBJECT_HANDLE key) {
            return self.call(&CK_FUNCTION_LIST::C_VerifyInit, session, pointer_or_null(mechanism),
                             key);
          },
          "session"_a, "mechanism"_a, "key"_a)
      .def(
          "verify",
          [](const LoadedModule& self, CK_SESSION_HANDLE session, const OptionalBytes& data,
             const OptionalBytes& signature) {
            const Octets message = octets(data, std::nullopt);
            const Octets proof = octets(signature, std::nullopt);
            return self.call(&CK_FUNCTION_LIST::C_Verify, session, message.data, message.length,
                             proof.data, proof.length);
          },
          "session"_a, "data"_a, "signature"_a)
      .def(
          "verify_update",
          [](const LoadedModule& self, CK_SESSION_HANDLE session, const OptionalBytes& part,
             OptionalLength length) {
            const Octets message = octets(part, length);
            return self.call(&CK_FUNCTION_LIST::C_VerifyUpdate, session, message.data,
                             message.length);
          },
          "session"_a, "part"_a, py::kw_only(), "length"_a = py::none())
      .def(
          "verify_final",
          [](const LoadedModule& self, CK_SESSION_HANDLE session, const OptionalBytes& signature) {
            const Octets proof = octets(signature, std::nullopt);
            return self.call(&CK_FUNCTION_LIST::C_VerifyFinal, session, proof.data, proof.length);
          },
          "session"_a, "signature"_a);
}

}  // namespace

void bind_signatures(ModuleClass& module) {
  bind_signing(module);
  bind_verifying(module);
}

}  // namespace sealwright::bindings
