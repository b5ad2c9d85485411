// PKCS#11 v2.40 §5.13 Functions for verifying signatures and MACs.

#include "abi/arguments.h"
#include "abi/functions.h"
#include "abi/named_objects.h"
#include "abi/steps.h"

namespace sealwright::abi {
namespace {

using session::Operations;
using session::Progress;
using session::Verifying;

Result<Progress> check(Verifying& running, const Given& data, const Given& signature) {
  const auto message = input(data.data, data.length, "pData");
  if (!message) {
    return fail(message.error());
  }
  const auto octets = input(signature.data, signature.length, "pSignature");
  if (!octets) {
    return fail(octets.error());
  }
  return running.finish(*message, *octets).map([] { return Progress::kEnded; });
}

}  // namespace

Result<void> verify_init(library::Provider& provider, session::Session& session,
                         CK_MECHANISM_PTR pMechanism, CK_OBJECT_HANDLE hKey) {
  if (pMechanism == nullptr) {
    return cancel(session, &Operations::verify);
  }
  return session.begin(&Operations::verify, [&]() -> Result<Verifying> {
    auto key = find_key(provider, session.slot(), hKey);
    if (!key) {
      return fail(std::move(key).error());
    }
    return Verifying::start(*pMechanism, *std::move(key));
  });
}

Result<void> verify(library::Provider&, session::Session& session, CK_BYTE_PTR pData,
                    CK_ULONG ulDataLen, CK_BYTE_PTR pSignature, CK_ULONG ulSignatureLen) {
  return session.advance(&Operations::verify, [&](Verifying& running) -> Result<Progress> {
    if (running.in_parts()) {
      return fail(CKR_OPERATION_NOT_INITIALIZED, "the operation was begun in parts");
    }
    return check(running, {pData, ulDataLen}, {pSignature, ulSignatureLen});
  });
}

Result<void> verify_update(library::Provider&, session::Session& session, CK_BYTE_PTR pPart,
                           CK_ULONG ulPartLen) {
  return one_part(session, &Operations::verify, {pPart, ulPartLen});
}

Result<void> verify_final(library::Provider&, session::Session& session, CK_BYTE_PTR pSignature,
                          CK_ULONG ulSignatureLen) {
  return session.advance(&Operations::verify, [&](Verifying& running) {
    return check(running, {nullptr, 0}, {pSignature, ulSignatureLen});
  });
}

}  // namespace sealwright::abi
