// What C_CreateObject makes: a public key that lives as long as its session, to verify with.
#pragma once

#include <p11-kit/pkcs11.h>

#include <span>

#include "base/result.h"
#include "token/object.h"

namespace sealwright::token {

// A template as PKCS#11 v2.40 §4.1.1 and §5.7 (C_CreateObject) judge it. The object has a handle of
// its own. Errors:
//   CKR_SESSION_READ_ONLY        CKA_TOKEN in a session that is
//   CKR_TOKEN_WRITE_PROTECTED    CKA_TOKEN in any other
//   CKR_ATTRIBUTE_TYPE_INVALID   an attribute that the standard does not know
//   CKR_ATTRIBUTE_READ_ONLY      one that nobody gives to an object that is created
//   CKR_ATTRIBUTE_VALUE_INVALID  a value of the wrong form, or a key that is none
//   CKR_CURVE_NOT_SUPPORTED, CKR_DOMAIN_PARAMS_INVALID
//   CKR_TEMPLATE_INCOMPLETE      class, type, or a part of the key is missing
//   CKR_TEMPLATE_INCONSISTENT    anything else than a public key to verify with
Result<Object> make_session_key(CK_SLOT_ID slot, bool read_write_session,
                                std::span<const Criterion> given);

}  // namespace sealwright::token
