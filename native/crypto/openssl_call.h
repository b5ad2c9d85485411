// What every file here needs to call OpenSSL: owning pointers, and a section that cleans up.
#pragma once

#include <openssl/err.h>
#include <openssl/evp.h>

#include <memory>

#include "base/openssl.h"
#include "base/result.h"

namespace sealwright::crypto {

template <auto Free>
struct Release {
  template <typename T>
  void operator()(T* object) const {
    Free(object);
  }
};

template <typename T, auto Free>
using Owned = std::unique_ptr<T, Release<Free>>;

using PkeyContext = Owned<EVP_PKEY_CTX, EVP_PKEY_CTX_free>;

// An OpensslSection that starts OpenSSL if need be and leaves this thread's error queue empty: what
// one call leaves there, the TLS of the next would take for its own.
class OpensslCall {
 public:
  OpensslCall() : context_(openssl_context()) {}
  ~OpensslCall() { ERR_clear_error(); }
  OpensslCall(const OpensslCall&) = delete;
  OpensslCall& operator=(const OpensslCall&) = delete;

  // Null only when memory is out; OpenSSL would take that for the process's default context.
  [[nodiscard]] OSSL_LIB_CTX* context() const { return context_; }
  [[nodiscard]] PkeyContext use(EVP_PKEY* key) const {
    return PkeyContext(EVP_PKEY_CTX_new_from_pkey(context_, key, nullptr));
  }

 private:
  OpensslSection section_;
  OSSL_LIB_CTX* context_;
};

inline tl::unexpected<Error> out_of_memory() {
  return fail(CKR_HOST_MEMORY, "OpenSSL has no memory");
}

}  // namespace sealwright::crypto
