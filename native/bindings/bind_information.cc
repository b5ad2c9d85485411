#include <string>

#include "bindings/bind.h"

namespace sealwright::bindings {
namespace {

namespace py = pybind11;

// A fixed field as it stands, blanks and all: padding is part of what a test checks.
template <std::size_t Size>
py::bytes field(const CK_UTF8CHAR (&text)[Size]) {
  return {reinterpret_cast<const char*>(text), Size};
}

std::pair<int, int> version(const CK_VERSION& value) { return {value.major, value.minor}; }

}  // namespace

void bind_information(py::module_& extension) {
  py::class_<CK_INFO>(extension, "Info", "CK_INFO")
      .def_property_readonly("cryptoki_version",
                             [](const CK_INFO& info) { return version(info.cryptokiVersion); })
      .def_property_readonly("manufacturer_id",
                             [](const CK_INFO& info) { return field(info.manufacturerID); })
      .def_property_readonly("flags", [](const CK_INFO& info) { return info.flags; })
      .def_property_readonly("library_description",
                             [](const CK_INFO& info) { return field(info.libraryDescription); })
      .def_property_readonly("library_version",
                             [](const CK_INFO& info) { return version(info.libraryVersion); });

  py::class_<CK_SLOT_INFO>(extension, "SlotInfo", "CK_SLOT_INFO")
      .def_property_readonly("description",
                             [](const CK_SLOT_INFO& info) { return field(info.slotDescription); })
      .def_property_readonly("manufacturer_id",
                             [](const CK_SLOT_INFO& info) { return field(info.manufacturerID); })
      .def_property_readonly("flags", [](const CK_SLOT_INFO& info) { return info.flags; })
      .def_property_readonly("hardware_version",
                             [](const CK_SLOT_INFO& info) { return version(info.hardwareVersion); })
      .def_property_readonly("firmware_version", [](const CK_SLOT_INFO& info) {
        return version(info.firmwareVersion);
      });

  py::class_<CK_TOKEN_INFO>(extension, "TokenInfo", "CK_TOKEN_INFO")
      .def_property_readonly("label", [](const CK_TOKEN_INFO& info) { return field(info.label); })
      .def_property_readonly("manufacturer_id",
                             [](const CK_TOKEN_INFO& info) { return field(info.manufacturerID); })
      .def_property_readonly("model", [](const CK_TOKEN_INFO& info) { return field(info.model); })
      .def_property_readonly("serial_number",
                             [](const CK_TOKEN_INFO& info) {
                               return py::bytes(reinterpret_cast<const char*>(info.serialNumber),
                                                sizeof info.serialNumber);
                             })
      .def_property_readonly("flags", [](const CK_TOKEN_INFO& info) { return info.flags; })
      .def_readonly("max_sessions", &CK_TOKEN_INFO::ulMaxSessionCount)
      .def_readonly("sessions", &CK_TOKEN_INFO::ulSessionCount)
      .def_readonly("max_rw_sessions", &CK_TOKEN_INFO::ulMaxRwSessionCount)
      .def_readonly("rw_sessions", &CK_TOKEN_INFO::ulRwSessionCount)
      .def_readonly("max_pin_length", &CK_TOKEN_INFO::ulMaxPinLen)
      .def_readonly("min_pin_length", &CK_TOKEN_INFO::ulMinPinLen)
      .def_readonly("total_public_memory", &CK_TOKEN_INFO::ulTotalPublicMemory)
      .def_readonly("free_public_memory", &CK_TOKEN_INFO::ulFreePublicMemory)
      .def_readonly("total_private_memory", &CK_TOKEN_INFO::ulTotalPrivateMemory)
      .def_readonly("free_private_memory", &CK_TOKEN_INFO::ulFreePrivateMemory);

  py::class_<CK_MECHANISM_INFO>(extension, "MechanismInfo", "CK_MECHANISM_INFO; key sizes in bits")
      .def_readonly("min_key_size", &CK_MECHANISM_INFO::ulMinKeySize)
      .def_readonly("max_key_size", &CK_MECHANISM_INFO::ulMaxKeySize)
      .def_property_readonly("flags", [](const CK_MECHANISM_INFO& info) { return info.flags; });

  py::class_<CK_SESSION_INFO>(extension, "SessionInfo", "CK_SESSION_INFO")
      .def_property_readonly("slot", [](const CK_SESSION_INFO& info) { return info.slotID; })
      .def_property_readonly("state", [](const CK_SESSION_INFO& info) { return info.state; })
      .def_property_readonly("flags", [](const CK_SESSION_INFO& info) { return info.flags; })
      .def_readonly("device_error", &CK_SESSION_INFO::ulDeviceError);
}

}  // namespace sealwright::bindings
