#include "base/openssl.h"

#include <openssl/crypto.h>
#include <openssl/provider.h>
#include <openssl/ssl.h>

#include <atomic>

namespace sealwright {
namespace {

constinit std::atomic<OSSL_LIB_CTX*> shared_context{nullptr};

// A thread that ends gives back what OpenSSL keeps for it, under a process-wide lock. OpenSSL's own
// handler would do so outside of every section, where a fork freezes the lock in the child; this
// comes before it and leaves it nothing to do.
class ThreadEnd {
 public:
  ~ThreadEnd() {
    if (!used_) return;
    const GateSection section;
    OPENSSL_thread_stop();
  }
  void expect() { used_ = true; }

 private:
  bool used_ = false;
};
thread_local ThreadEnd thread_end;

struct Started {
  OSSL_LIB_CTX* context = nullptr;
  OSSL_PROVIDER* provider = nullptr;
};

// Unloaded first: freeing the context alone leaks what loading the provider took.
void stop(const Started& started) {
  if (started.provider != nullptr) OSSL_PROVIDER_unload(started.provider);
  OSSL_LIB_CTX_free(started.context);
}

Started start() {
  // Before anything else: OPENSSL_CONF may name this very module, and exit handlers would run
  // under threads that still sign.
  if (OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_NO_ATEXIT, nullptr) != 1) {
    return {};
  }
  Started started;
  started.context = OSSL_LIB_CTX_new();
  if (started.context == nullptr) return {};
  started.provider = OSSL_PROVIDER_load(started.context, "default");
  if (started.provider == nullptr) {
    stop(started);
    return {};
  }
  return started;
}

}  // namespace

OSSL_LIB_CTX* openssl_context() {
  if (OSSL_LIB_CTX* context = shared_context.load(std::memory_order_acquire)) return context;
  // No lock and no static guard: a fork would freeze it in the child. Two threads may both make a
  // context; the first one is kept.
  const OpensslSection section;
  const Started mine = start();
  if (mine.context == nullptr) return nullptr;
  OSSL_LIB_CTX* first = nullptr;
  if (shared_context.compare_exchange_strong(first, mine.context)) return mine.context;
  stop(mine);
  return first;
}

OpensslSection::OpensslSection() { thread_end.expect(); }

}  // namespace sealwright
