// What the module says of its set-up to `sealwright module doctor`: an interface of ours behind the
// standard's own door, C_GetInterface (PKCS#11 v3.0 §5.4.5). So nothing but C_* is exported, and
// nobody else needs to know how settings are read. It is got by its name alone.
#pragma once

#include "base/cryptoki.h"

namespace sealwright::abi {

// Works before C_Initialize, after C_Finalize, beside both, and in a forked child. Each function
// reads the settings anew, and follows the convention for lengths of v2.40 §5.2: a null `text` asks
// for it. What grows is the end, with the minor version.
struct Diagnosis {
  CK_VERSION version;
  // settings::report, without a zero at its end. Always CKR_OK where the arguments are right.
  CK_RV (*report)(CK_UTF8CHAR_PTR text, CK_ULONG_PTR length);
  // Secrets, apart from what may be shown; of length 0: there is none. Where the settings cannot be
  // loaded CKR_GENERAL_ERROR; the report says why.
  CK_RV (*api_key)(CK_UTF8CHAR_PTR text, CK_ULONG_PTR length);
  CK_RV (*proxy_url)(CK_UTF8CHAR_PTR text, CK_ULONG_PTR length);  // of [proxy], not of HTTPS_PROXY
};

inline constexpr CK_VERSION kDiagnosisVersion{1, 0};

extern char diagnosis_name[];
extern Diagnosis diagnosis;

}  // namespace sealwright::abi
