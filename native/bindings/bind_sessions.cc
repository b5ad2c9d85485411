#include <pybind11/stl.h>

#include "bindings/bind.h"

namespace sealwright::bindings {
namespace {

namespace py = pybind11;
using namespace py::literals;

CK_RV ignore_notification(CK_SESSION_HANDLE /*session*/, CK_NOTIFICATION /*event*/,
                          void* /*application*/) {
  return CKR_OK;
}

}  // namespace

void bind_sessions(ModuleClass& module) {
  module
      .def(
          "open_session",
          [](const LoadedModule& self, CK_SLOT_ID slot, CK_FLAGS flags, bool notify) {
            CK_SESSION_HANDLE session = CK_INVALID_HANDLE;
            const CK_NOTIFY callback = notify ? ignore_notification : nullptr;
            const CK_RV rv = self.call(&CK_FUNCTION_LIST::C_OpenSession, slot, flags, nullptr,
                                       callback, &session);
            return std::pair(rv, session);
          },
          "slot"_a, "flags"_a, py::kw_only(), "notify"_a = false)
      .def(
          "close_session",
          [](const LoadedModule& self, CK_SESSION_HANDLE session) {
            return self.call(&CK_FUNCTION_LIST::C_CloseSession, session);
          },
          "session"_a)
      .def(
          "close_all_sessions",
          [](const LoadedModule& self, CK_SLOT_ID slot) {
            return self.call(&CK_FUNCTION_LIST::C_CloseAllSessions, slot);
          },
          "slot"_a)
      .def(
          "get_session_info",
          [](const LoadedModule& self, CK_SESSION_HANDLE session) {
            CK_SESSION_INFO info{};
            const CK_RV rv = self.call(&CK_FUNCTION_LIST::C_GetSessionInfo, session, &info);
            return std::pair(rv, info);
          },
          "session"_a)
      .def(
          "login",
          [](const LoadedModule& self, CK_SESSION_HANDLE session, CK_USER_TYPE user,
             const std::optional<py::bytes>& pin, std::optional<CK_ULONG> length) {
            const Octets text = octets(pin, length);
            return self.call(&CK_FUNCTION_LIST::C_Login, session, user, text.data, text.length);
          },
          "session"_a, "user"_a, "pin"_a, py::kw_only(), "length"_a = py::none())
      .def(
          "logout",
          [](const LoadedModule& self, CK_SESSION_HANDLE session) {
            return self.call(&CK_FUNCTION_LIST::C_Logout, session);
          },
          "session"_a);
}

}  // namespace sealwright::bindings
