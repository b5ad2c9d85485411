// The version that C_GetInfo, slots and tokens report: major and minor of the release.
#pragma once

#include <p11-kit/pkcs11.h>

namespace sealwright::abi {

inline constexpr CK_VERSION kLibraryVersion{SEALWRIGHT_VERSION_MAJOR, SEALWRIGHT_VERSION_MINOR};

}  // namespace sealwright::abi
