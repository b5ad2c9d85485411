// PKCS#11 v2.40 §5.10 Message digesting functions.

#include "abi/arguments.h"
#include "abi/functions.h"
#include "abi/steps.h"

namespace sealwright::abi {

using session::Digesting;
using session::Operations;

Result<void> digest_init(library::Provider& provider, CK_SESSION_HANDLE hSession,
                         CK_MECHANISM_PTR pMechanism) {
  const auto session = provider.sessions().find(hSession);
  if (!session) {
    return fail(session.error());
  }
  if (pMechanism == nullptr) {
    return cancel(**session, &Operations::digest);
  }
  return (*session)->begin(&Operations::digest, [&] { return Digesting::start(*pMechanism); });
}

Result<void> digest(library::Provider& provider, CK_SESSION_HANDLE hSession, CK_BYTE_PTR pData,
                    CK_ULONG ulDataLen, CK_BYTE_PTR pDigest, CK_ULONG_PTR pulDigestLen) {
  return single_part(provider, hSession, &Operations::digest, {pData, ulDataLen},
                     {pDigest, pulDigestLen},
                     [](Digesting& running, ByteView data) { return running.finish(data); });
}

Result<void> digest_update(library::Provider& provider, CK_SESSION_HANDLE hSession,
                           CK_BYTE_PTR pPart, CK_ULONG ulPartLen) {
  return one_part(provider, hSession, &Operations::digest, {pPart, ulPartLen});
}

Result<void> digest_final(library::Provider& provider, CK_SESSION_HANDLE hSession,
                          CK_BYTE_PTR pDigest, CK_ULONG_PTR pulDigestLen) {
  return last_part(provider, hSession, &Operations::digest, {pDigest, pulDigestLen},
                   [](Digesting& running, ByteView data) { return running.finish(data); });
}

}  // namespace sealwright::abi
