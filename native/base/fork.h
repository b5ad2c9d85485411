// The gate that keeps fork() away from locks of the whole process, and the count of forks.
#pragma once

namespace sealwright {

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

// Registers the fork handlers, once a process. Idempotent.
void install_fork_gate();

// Number of forks between the process that loaded the module and this one. Compared before any
// lock is taken: state made under another generation is a parent's and must not be touched.
unsigned fork_generation();

}  // namespace sealwright
