// p11-kit's header of any version from 0.24, with what PKCS#11 3.0 adds and some of these lack.
// What is a macro in some is a constant of ours; version numbers are ours too, because the header's
// grow with the header.
#pragma once

#include <p11-kit/pkcs11.h>

#if CRYPTOKI_VERSION_MAJOR < 3
// PKCS#11 v3.0 §3.7.
struct CK_INTERFACE {
  char* pInterfaceName;
  void* pFunctionList;
  CK_FLAGS flags;
};
using CK_INTERFACE_PTR = CK_INTERFACE*;
using CK_INTERFACE_PTR_PTR = CK_INTERFACE**;
#endif

namespace sealwright {

inline constexpr CK_VERSION kCryptoki240{2, 40};
inline constexpr CK_VERSION kCryptoki30{3, 0};

inline constexpr CK_ATTRIBUTE_TYPE kUniqueIdAttribute = 0x4;  // CKA_UNIQUE_ID, v3.0 §4.4
inline constexpr CK_FLAGS kFindObjectsFlag = 0x40;            // CKF_FIND_OBJECTS, v3.0 §3.3

}  // namespace sealwright
