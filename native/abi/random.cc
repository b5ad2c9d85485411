// PKCS#11 v2.40 §5.15 Random number generation functions.

#include "crypto/random.h"

#include "abi/arguments.h"
#include "abi/functions.h"

namespace sealwright::abi {

// The generator seeds itself; what a caller adds is not needed, and no harm.
Result<void> seed_random(library::Provider&, session::Session&, CK_BYTE_PTR pSeed,
                         CK_ULONG ulSeedLen) {
  return input(pSeed, ulSeedLen, "pSeed").map([](const auto&) {});
}

Result<void> generate_random(library::Provider&, session::Session&, CK_BYTE_PTR RandomData,
                             CK_ULONG ulRandomLen) {
  const auto wanted = input(RandomData, ulRandomLen, "RandomData");
  if (!wanted) {
    return fail(wanted.error());
  }
  return crypto::fill_random(*wanted);
}

}  // namespace sealwright::abi
