// What an object handle names in a session: an object of the token, or one that a session with it
// has made.
#pragma once

#include <p11-kit/pkcs11.h>

#include <memory>

#include "base/result.h"
#include "library/provider.h"
#include "token/object.h"

namespace sealwright::abi {

// Errors: CKR_OBJECT_HANDLE_INVALID.
Result<std::shared_ptr<const token::Object>> find_object(library::Provider& provider,
                                                         CK_SLOT_ID slot, CK_OBJECT_HANDLE handle);
// Errors: CKR_KEY_HANDLE_INVALID, CKR_USER_NOT_LOGGED_IN.
Result<std::shared_ptr<const token::Object>> find_key(library::Provider& provider, CK_SLOT_ID slot,
                                                      CK_OBJECT_HANDLE handle);

}  // namespace sealwright::abi
