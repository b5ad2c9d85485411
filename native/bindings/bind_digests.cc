#include <pybind11/stl.h>

#include "bindings/bind.h"
#include "bindings/input.h"
#include "bindings/output.h"

namespace sealwright::bindings {
namespace {

namespace py = pybind11;
using namespace py::literals;

}  // namespace

void bind_digests(ModuleClass& module) {
  module
      .def(
          "digest_init",
          [](const LoadedModule& self, CK_SESSION_HANDLE session, Mechanism* mechanism) {
            return self.call(&CK_FUNCTION_LIST::C_DigestInit, session, pointer_or_null(mechanism));
          },
          "session"_a, "mechanism"_a)
      .def(
          "digest",
          [](const LoadedModule& self, CK_SESSION_HANDLE session,
             const std::optional<py::bytes>& data, Buffer& digest, std::optional<CK_ULONG> length) {
            const Octets message = octets(data, length);
            return self.call(&CK_FUNCTION_LIST::C_Digest, session, message.data, message.length,
                             digest.data(), digest.length_pointer());
          },
          "session"_a, "data"_a, "digest"_a, py::kw_only(), "length"_a = py::none())
      .def(
          "digest_update",
          [](const LoadedModule& self, CK_SESSION_HANDLE session,
             const std::optional<py::bytes>& part, std::optional<CK_ULONG> length) {
            const Octets message = octets(part, length);
            return self.call(&CK_FUNCTION_LIST::C_DigestUpdate, session, message.data,
                             message.length);
          },
          "session"_a, "part"_a, py::kw_only(), "length"_a = py::none())
      .def(
          "digest_final",
          [](const LoadedModule& self, CK_SESSION_HANDLE session, Buffer& digest) {
            return self.call(&CK_FUNCTION_LIST::C_DigestFinal, session, digest.data(),
                             digest.length_pointer());
          },
          "session"_a, "digest"_a)
      .def(
          "seed_random",
          [](const LoadedModule& self, CK_SESSION_HANDLE session,
             const std::optional<py::bytes>& seed, std::optional<CK_ULONG> length) {
            const Octets given = octets(seed, length);
            return self.call(&CK_FUNCTION_LIST::C_SeedRandom, session, given.data, given.length);
          },
          "session"_a, "seed"_a, py::kw_only(), "length"_a = py::none())
      .def(
          "generate_random",
          [](const LoadedModule& self, CK_SESSION_HANDLE session, Buffer& random) {
            const CK_ULONG length = random.length();
            return self.call(&CK_FUNCTION_LIST::C_GenerateRandom, session, random.data(), length);
          },
          "session"_a, "random"_a);
}

}  // namespace sealwright::bindings
