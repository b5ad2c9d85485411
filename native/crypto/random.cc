#include "crypto/random.h"

#include <openssl/rand.h>

#include "crypto/openssl_call.h"

namespace sealwright::crypto {

Result<void> fill_random(std::span<std::uint8_t> out) {
  const OpensslCall call;
  if (call.context() == nullptr) return out_of_memory();
  if (RAND_bytes_ex(call.context(), out.data(), out.size(), 0) != 1) {
    return fail(CKR_GENERAL_ERROR, "the random generator failed");
  }
  return {};
}

}  // namespace sealwright::crypto
