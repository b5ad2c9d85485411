// The only door to OpenSSL: a private library context, started without the host's configuration
// and without exit handlers.
#pragma once

#include <openssl/types.h>

#include "base/fork.h"

namespace sealwright {

// Starts OpenSSL on first use (NO_LOAD_CONFIG | NO_ATEXIT) and returns our own library context,
// which lives until the process ends. Null only when memory is out.
OSSL_LIB_CTX* openssl_context();

// A section of the fork gate that runs OpenSSL.
class OpensslSection {
 public:
  OpensslSection();

 private:
  const GateSection gate_;
};

}  // namespace sealwright
