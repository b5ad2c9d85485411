// PKCS#11 v2.40 §5.15 Random number generation functions.

#include "crypto/random.h"

#include "abi/arguments.h"
#include "abi/functions.h"

namespace sealwright::abi {

// The generator seeds itself; what a caller adds is not needed, and no harm.
Result<void> seed_random(library::Provider& provider, CK_SESSION_HANDLE hSession, CK_BYTE_PTR pSeed,
                         CK_ULONG ulSeedLen) {
  const auto session = provider.sessions().find(hSession);
  if (!session) {
    return fail(session.error());
  }
  return input(pSeed, ulSeedLen, "pSeed").map([](const auto&) {});
}

Result<void> generate_random(library::Provider& provider, CK_SESSION_HANDLE hSession,
                             CK_BYTE_PTR RandomData, CK_ULONG ulRandomLen) {
  const auto session = provider.sessions().find(hSession);
  if (!session) {
    return fail(session.error());
  }
  const auto wanted = input(RandomData, ulRandomLen, "RandomData");
  if (!wanted) {
    return fail(wanted.error());
  }
  return crypto::fill_random(*wanted);
}

}  // namespace sealwright::abi
