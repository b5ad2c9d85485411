// PKCS#11 v2.40 §5.10 Message digesting functions.

#include "abi/arguments.h"
#include "abi/functions.h"
#include "abi/steps.h"

namespace sealwright::abi {

using session::Digesting;
using session::Operations;

Result<void> digest_init(library::Provider&, session::Session& session,
                         CK_MECHANISM_PTR pMechanism) {
  if (pMechanism == nullptr) {
    return cancel(session, &Operations::digest);
  }
  return session.begin(&Operations::digest, [&] { return Digesting::start(*pMechanism); });
}

Result<void> digest(library::Provider&, session::Session& session, CK_BYTE_PTR pData,
                    CK_ULONG ulDataLen, CK_BYTE_PTR pDigest, CK_ULONG_PTR pulDigestLen) {
  return single_part(session, &Operations::digest, {pData, ulDataLen}, {pDigest, pulDigestLen},
                     [](Digesting& running, ByteView data) { return running.finish(data); });
}

Result<void> digest_update(library::Provider&, session::Session& session, CK_BYTE_PTR pPart,
                           CK_ULONG ulPartLen) {
  return one_part(session, &Operations::digest, {pPart, ulPartLen});
}

Result<void> digest_final(library::Provider&, session::Session& session, CK_BYTE_PTR pDigest,
                          CK_ULONG_PTR pulDigestLen) {
  return last_part(session, &Operations::digest, {pDigest, pulDigestLen},
                   [](Digesting& running, ByteView data) { return running.finish(data); });
}

}  // namespace sealwright::abi
