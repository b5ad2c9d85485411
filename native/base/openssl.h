// The only door to OpenSSL: a private library context, started without the host's configuration
// and without exit handlers, and the gate that keeps fork() away from process-wide locks.
#pragma once

#include <openssl/types.h>

namespace sealwright {

// Starts OpenSSL on first use (NO_LOAD_CONFIG | NO_ATEXIT) and returns our own library context,
// which lives until the process ends. Null only when memory is out.
OSSL_LIB_CTX* openssl_context();

// Held around whatever takes a lock of the whole process, which a fork would freeze in the child:
// OpenSSL that computes, and the C library that looks up names. Never across poll. Cheap (one
// atomic add) and re-entrant on one thread. A fork waits for open sections to end, 200 ms at most:
// an unbounded wait would deadlock with a host that holds its own lock.
class GateSection {
 public:
  GateSection();
  ~GateSection();
  GateSection(const GateSection&) = delete;
  GateSection& operator=(const GateSection&) = delete;
};

// One that runs OpenSSL.
class OpensslSection {
 public:
  OpensslSection();

 private:
  const GateSection gate_;
};

// Registers the fork handlers, once a process. Idempotent.
void install_fork_gate();

// Number of forks between the process that loaded the module and this one. Compared before any
// lock is taken: state made under another generation is a parent's and must not be touched.
unsigned fork_generation();

}  // namespace sealwright
