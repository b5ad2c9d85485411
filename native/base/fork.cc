#include "base/fork.h"

#include <pthread.h>

#include <atomic>
#include <chrono>
#include <thread>

namespace sealwright {
namespace {

using Clock = std::chrono::steady_clock;

// Longer than a busy machine keeps a thread from running: what ends this wait early freezes a lock.
constexpr std::chrono::milliseconds kForkPatience{200};
// Of a thread at the gate, for each fork: longer than that fork waits, so that nobody slips in
// while it still counts.
constexpr std::chrono::milliseconds kSectionPatience{300};
constexpr std::chrono::microseconds kPause{50};

// Sequentially consistent throughout: a thread announces itself and then looks for a fork, a fork
// announces itself and then counts threads; one of the two must see the other.
constinit std::atomic<int> threads_in_sections{0};
constinit std::atomic<int> forks_pending{0};
constinit std::atomic<unsigned> forks_begun{0};
constinit std::atomic<unsigned> generation{0};
constinit thread_local int depth = 0;

constinit std::atomic<bool> gate_installed{false};

template <typename Condition>
void wait_until(Condition condition, std::chrono::milliseconds patience) {
  const auto give_up = Clock::now() + patience;
  while (!condition() && Clock::now() < give_up) std::this_thread::sleep_for(kPause);
}

void before_fork() {
  forks_begun.fetch_add(1);
  forks_pending.fetch_add(1);
  const int own = depth > 0 ? 1 : 0;  // a signal handler may fork in the middle of a section
  wait_until([own] { return threads_in_sections.load() <= own; }, kForkPatience);
}

void after_fork_in_parent() { forks_pending.fetch_sub(1); }

// The child has this thread only, so only this thread can be in a section or in a fork.
void after_fork_in_child() {
  threads_in_sections.store(depth > 0 ? 1 : 0);
  forks_pending.store(0);
  generation.fetch_add(1);
}

// False: it still goes on, although this thread waited longer than a fork counts.
bool wait_for_fork(unsigned fork) {
  const auto ended = [fork] { return forks_pending.load() == 0 || forks_begun.load() != fork; };
  wait_until(ended, kSectionPatience);
  return ended();
}

void enter() {
  if (depth++ > 0) return;
  while (true) {
    threads_in_sections.fetch_add(1);
    const unsigned fork = forks_begun.load();
    if (forks_pending.load() == 0) return;
    // Stand back while a fork waits, or a stream of short sections would never let it count to
    // zero; and look again afterwards, as another may have begun.
    threads_in_sections.fetch_sub(1);
    if (!wait_for_fork(fork)) break;
  }
  threads_in_sections.fetch_add(1);
}

void leave() {
  if (--depth == 0) threads_in_sections.fetch_sub(1);
}

}  // namespace

GateSection::GateSection() { enter(); }

GateSection::~GateSection() { leave(); }

void install_fork_gate() {
  if (gate_installed.exchange(true)) return;
  // Fails only without memory; then forks go unguarded, as they would without the gate.
  (void)pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
}

unsigned fork_generation() { return generation.load(std::memory_order_relaxed); }

}  // namespace sealwright
