// The one place where a session's handle becomes the session.
#pragma once

#include <p11-kit/pkcs11.h>

#include "base/result.h"
#include "library/provider.h"
#include "session/session.h"

namespace sealwright::abi {

// Runs `body(session)` with the session held, closed meanwhile or not.
// Errors: CKR_SESSION_HANDLE_INVALID.
template <typename Body>
Result<void> in_session(library::Provider& provider, CK_SESSION_HANDLE handle, Body body) {
  const auto session = provider.sessions().find(handle);
  if (!session) {
    return fail(session.error());
  }
  return body(**session);
}

}  // namespace sealwright::abi
