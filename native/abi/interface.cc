// PKCS#11 v3.0 §5.4 General-purpose functions: the interfaces that a host may choose from.

#include <algorithm>
#include <string_view>

#include "abi/arguments.h"
#include "abi/functions.h"

namespace sealwright::abi {
namespace {

// What a host means that names none: never one of a vendor's.
constexpr const char* kStandard = "PKCS 11";

// By position: what the members are called depends on the header.
bool suits(const CK_INTERFACE& interface, const char* name, const CK_VERSION* version,
           CK_FLAGS flags) {
  const auto& [own_name, list, own_flags] = interface;
  const auto& own_version = *static_cast<const CK_VERSION*>(list);  // begins every one
  return std::string_view(name == nullptr ? kStandard : name) == own_name &&
         (version == nullptr ||
          (version->major == own_version.major && version->minor == own_version.minor)) &&
         (flags & ~own_flags) == 0;
}

}  // namespace

Result<void> get_interface_list(CK_INTERFACE_PTR pInterfacesList, CK_ULONG_PTR pulCount) {
  const auto all = interfaces();
  const std::vector<CK_INTERFACE> offered(all.begin(), all.end());
  return deliver(offered, pInterfacesList, pulCount, "pulCount");
}

// Null for a name or a version leaves the choice to us: the first that suits.
Result<void> get_interface(CK_UTF8CHAR_PTR pInterfaceName, CK_VERSION_PTR pVersion,
                           CK_INTERFACE_PTR_PTR ppInterface, CK_FLAGS flags) {
  if (ppInterface == nullptr) {
    return bad_argument("ppInterface");
  }
  const auto all = interfaces();
  const auto found = std::ranges::find_if(all, [&](const CK_INTERFACE& interface) {
    return suits(interface, reinterpret_cast<const char*>(pInterfaceName), pVersion, flags);
  });
  if (found == all.end()) {
    return fail(CKR_ARGUMENTS_BAD, "no interface has this name, version and these flags");
  }
  *ppInterface = &*found;
  return {};
}

}  // namespace sealwright::abi
