// PKCS#11 v2.40 §5.6, v3.0 §5.6 Session management functions.

#include "abi/arguments.h"
#include "abi/functions.h"

namespace sealwright::abi {

using session::Operations;

// The callback is never called: there is nothing to surrender to and no token that is pulled out.
Result<void> open_session(library::Provider& provider, CK_SLOT_ID slotID, CK_FLAGS flags,
                          CK_VOID_PTR /*pApplication*/, CK_NOTIFY /*Notify*/,
                          CK_SESSION_HANDLE_PTR phSession) {
  if (phSession == nullptr) {
    return bad_argument("phSession");
  }
  if ((flags & CKF_SERIAL_SESSION) == 0) {
    return fail(CKR_SESSION_PARALLEL_NOT_SUPPORTED, "sessions are serial");
  }
  const auto slot = provider.tokens().readable_token(slotID);
  if (!slot) {
    return fail(slot.error());
  }
  *phSession = provider.sessions().open(slotID, (flags & CKF_RW_SESSION) != 0);
  return {};
}

Result<void> close_session(library::Provider& provider, CK_SESSION_HANDLE hSession) {
  return provider.sessions().close(hSession);
}

Result<void> close_all_sessions(library::Provider& provider, CK_SLOT_ID slotID) {
  const auto slot = provider.tokens().slot(slotID);
  if (!slot) {
    return fail(slot.error());
  }
  provider.sessions().close_all(slotID);
  return {};
}

Result<void> get_session_info(library::Provider& provider, session::Session& session,
                              CK_SESSION_INFO_PTR pInfo) {
  if (pInfo == nullptr) {
    return bad_argument("pInfo");
  }
  const bool user = provider.tokens().logged_in(session.slot());
  *pInfo = {};
  pInfo->slotID = session.slot();
  pInfo->flags = CKF_SERIAL_SESSION;
  if (session.read_write()) {
    pInfo->flags |= CKF_RW_SESSION;
    pInfo->state = user ? CKS_RW_USER_FUNCTIONS : CKS_RW_PUBLIC_SESSION;
  } else {
    pInfo->state = user ? CKS_RO_USER_FUNCTIONS : CKS_RO_PUBLIC_SESSION;
  }
  return {};
}

Result<void> login(library::Provider& provider, session::Session& session, CK_USER_TYPE userType,
                   CK_UTF8CHAR_PTR pPin, CK_ULONG ulPinLen) {
  const auto pin = input(pPin, ulPinLen, "pPin");
  if (!pin) {
    return fail(pin.error());
  }
  if (userType == CKU_CONTEXT_SPECIFIC) {
    return fail(CKR_OPERATION_NOT_INITIALIZED, "no operation asks for a login of its own");
  }
  if (userType != CKU_USER) {
    return fail(CKR_USER_TYPE_INVALID, "there is no security officer");
  }
  return provider.tokens().login(session.slot(),
                                 {reinterpret_cast<const char*>(pin->data()), pin->size()});
}

// A key names its holder: there is no user name that could be checked against it.
Result<void> login_user(library::Provider& provider, session::Session& session,
                        CK_USER_TYPE userType, CK_UTF8CHAR_PTR pPin, CK_ULONG ulPinLen,
                        CK_UTF8CHAR_PTR pUsername, CK_ULONG ulUsernameLen) {
  const auto name = input(pUsername, ulUsernameLen, "pUsername");
  if (!name) {
    return fail(name.error());
  }
  if (!name->empty()) {
    return fail(
        Error::tell(CKR_ARGUMENTS_BAD,
                    "log in without a user name: the API key, as the PIN, names its holder"));
  }
  return login(provider, session, userType, pPin, ulPinLen);
}

Result<void> logout(library::Provider& provider, session::Session& session) {
  return provider.tokens().logout(session.slot());
}

// A flag of an operation that is not active, or that no session of ours can have, means nothing.
Result<void> session_cancel(library::Provider&, session::Session& session, CK_FLAGS flags) {
  const auto cancel = [&](CK_FLAGS flag, auto kind) {
    if ((flags & flag) != 0) {
      session.cancel(kind);
    }
  };
  cancel(kFindObjectsFlag, &Operations::find);
  cancel(CKF_DIGEST, &Operations::digest);
  cancel(CKF_SIGN, &Operations::sign);
  cancel(CKF_VERIFY, &Operations::verify);
  return {};
}

}  // namespace sealwright::abi
