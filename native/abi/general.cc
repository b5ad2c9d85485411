// PKCS#11 v2.40 §5.4 General-purpose functions.

#include <dlfcn.h>

#include <string_view>

#include "abi/arguments.h"
#include "abi/functions.h"
#include "abi/library_version.h"
#include "library/library.h"

namespace sealwright::abi {

namespace {

// The name by which the module is registered with p11-kit, a link to it (packaging/linux/pkcs11):
// whatever loads all modules knows no other one, and a tool that was told of this module does not.
constexpr std::string_view kRegistered = "/sealwright-registered.so";

library::Host host() {
  static const char here = 0;
  Dl_info loaded{};
  if (::dladdr(&here, &loaded) == 0 || loaded.dli_fname == nullptr) {
    return library::Host::kTool;
  }
  const bool is_registered = std::string_view(loaded.dli_fname).ends_with(kRegistered);
  return is_registered ? library::Host::kRegistry : library::Host::kTool;
}

}  // namespace

// Locks are always the operating system's own, whatever the arguments ask for: they serve a caller
// that brings mutex functions just as well, and one that promises to use no threads too.
Result<void> initialize(CK_VOID_PTR pInitArgs) {
  if (pInitArgs != nullptr) {
    const auto& arguments = *static_cast<const CK_C_INITIALIZE_ARGS*>(pInitArgs);
    if (arguments.pReserved != nullptr) {
      return bad_argument("pReserved");
    }
    const bool any = arguments.CreateMutex != nullptr || arguments.DestroyMutex != nullptr ||
                     arguments.LockMutex != nullptr || arguments.UnlockMutex != nullptr;
    const bool all = arguments.CreateMutex != nullptr && arguments.DestroyMutex != nullptr &&
                     arguments.LockMutex != nullptr && arguments.UnlockMutex != nullptr;
    if (any != all) {
      return bad_argument("one of the four mutex functions");
    }
  }
  return library::initialize(host());
}

Result<void> finalize(CK_VOID_PTR pReserved) {
  if (pReserved != nullptr) {
    return bad_argument("pReserved");
  }
  return library::finalize();
}

Result<void> get_info(library::Provider&, CK_VERSION version, CK_INFO_PTR pInfo) {
  if (pInfo == nullptr) {
    return bad_argument("pInfo");
  }
  *pInfo = {};
  pInfo->cryptokiVersion = version;
  pad(pInfo->manufacturerID, "Sealwright");
  pad(pInfo->libraryDescription, "Sealwright code signing");
  pInfo->libraryVersion = kLibraryVersion;
  return {};
}

Result<void> get_function_list(CK_FUNCTION_LIST_PTR_PTR ppFunctionList) {
  if (ppFunctionList == nullptr) {
    return bad_argument("ppFunctionList");
  }
  *ppFunctionList = function_list();
  return {};
}

}  // namespace sealwright::abi
