// PKCS#11 v2.40 §5.4 General-purpose functions.

#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "abi/arguments.h"
#include "abi/functions.h"
#include "abi/library_version.h"
#include "library/library.h"

namespace sealwright::abi {

namespace {

// What p11-kit hands over for a module whose registration says `x-init-reserved: registered`.
constexpr const char* kRegistered = "registered";

// The standard has null there, and hosts have numbers and pointers to anything. The kernel looks
// whether it can be read as a text at all; that there is such a file does not matter.
bool is_registered(const void* reserved) {
  const char* text = static_cast<const char*>(reserved);
  const bool is_readable = ::access(text, F_OK) == 0 || errno != EFAULT;
  return is_readable && std::strcmp(text, kRegistered) == 0;
}

}  // namespace

// Locks are always the operating system's own, whatever the arguments ask for: they serve a caller
// that brings mutex functions just as well, and one that promises to use no threads too.
Result<void> initialize(CK_VOID_PTR pInitArgs) {
  auto host = library::Host::kTool;
  if (pInitArgs != nullptr) {
    const auto& arguments = *static_cast<const CK_C_INITIALIZE_ARGS*>(pInitArgs);
    if (arguments.pReserved != nullptr) {
      if (!is_registered(arguments.pReserved)) {
        return bad_argument("pReserved");
      }
      host = library::Host::kRegistry;
    }
    const bool any = arguments.CreateMutex != nullptr || arguments.DestroyMutex != nullptr ||
                     arguments.LockMutex != nullptr || arguments.UnlockMutex != nullptr;
    const bool all = arguments.CreateMutex != nullptr && arguments.DestroyMutex != nullptr &&
                     arguments.LockMutex != nullptr && arguments.UnlockMutex != nullptr;
    if (any != all) {
      return bad_argument("one of the four mutex functions");
    }
  }
  return library::initialize(host);
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
