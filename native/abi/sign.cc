// PKCS#11 v2.40 §5.11 Signing functions.

#include "abi/arguments.h"
#include "abi/functions.h"
#include "abi/named_objects.h"
#include "abi/steps.h"

namespace sealwright::abi {

using session::Operations;
using session::Signing;

Result<void> sign_init(library::Provider& provider, session::Session& session,
                       CK_MECHANISM_PTR pMechanism, CK_OBJECT_HANDLE hKey) {
  if (pMechanism == nullptr) {
    return cancel(session, &Operations::sign);
  }
  return session.begin(&Operations::sign, [&]() -> Result<Signing> {
    auto key = find_key(provider, session.slot(), hKey);
    if (!key) {
      return fail(std::move(key).error());
    }
    return Signing::start(*pMechanism, *std::move(key));
  });
}

Result<void> sign(library::Provider& provider, session::Session& session, CK_BYTE_PTR pData,
                  CK_ULONG ulDataLen, CK_BYTE_PTR pSignature, CK_ULONG_PTR pulSignatureLen) {
  return single_part(
      session, &Operations::sign, {pData, ulDataLen}, {pSignature, pulSignatureLen},
      [&](Signing& running, ByteView data) { return running.finish(data, provider.tokens()); });
}

Result<void> sign_update(library::Provider&, session::Session& session, CK_BYTE_PTR pPart,
                         CK_ULONG ulPartLen) {
  return one_part(session, &Operations::sign, {pPart, ulPartLen});
}

Result<void> sign_final(library::Provider& provider, session::Session& session,
                        CK_BYTE_PTR pSignature, CK_ULONG_PTR pulSignatureLen) {
  return last_part(
      session, &Operations::sign, {pSignature, pulSignatureLen},
      [&](Signing& running, ByteView data) { return running.finish(data, provider.tokens()); });
}

}  // namespace sealwright::abi
