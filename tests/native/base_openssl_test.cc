// The door to OpenSSL: private, silent at exit, and shut while the process forks.
#include <gtest/gtest.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/provider.h>
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <functional>
#include <thread>
#include <vector>

#include "base/openssl.h"

namespace sealwright {
namespace {

bool can_hash() {
  const OpensslSection section;
  std::array<unsigned char, EVP_MAX_MD_SIZE> value{};
  std::size_t length = 0;
  return EVP_Q_digest(openssl_context(), "SHA256", nullptr, "abc", 3, value.data(), &length) == 1 &&
         length == 32 && value[0] == 0xba;
}

// Runs `body` in a forked child that dies if it hangs; its answer is the child's exit code.
template <typename Body>
int in_child(Body body) {
  const pid_t child = fork();
  if (child == 0) {
    alarm(5);
    _exit(body() ? 0 : 1);
  }
  int status = -1;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  return status;
}

// What a thread that forks does after the gate has closed and before the child is there: handlers
// that were registered first are the last to run.
thread_local std::function<void()> behind_the_gate;
[[maybe_unused]] const int kRegistered = pthread_atfork(
    [] {
      if (behind_the_gate) behind_the_gate();
    },
    nullptr, nullptr);

TEST(OpensslContext, is_private_and_the_same_for_everyone) {
  OSSL_LIB_CTX* context = openssl_context();
  ASSERT_NE(context, nullptr);
  EXPECT_NE(context, OSSL_LIB_CTX_get0_global_default());
  std::vector<std::thread> threads;
  threads.reserve(4);
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([context] { EXPECT_EQ(openssl_context(), context); });
  }
  for (auto& thread : threads) thread.join();
}

TEST(OpensslContext, has_the_default_provider_only) {
  EXPECT_EQ(OSSL_PROVIDER_available(openssl_context(), "default"), 1);
  EXPECT_EQ(OSSL_PROVIDER_available(openssl_context(), "legacy"), 0);
}

TEST(ForkGate, counts_the_forks_between_the_first_process_and_this_one) {
  install_fork_gate();
  install_fork_gate();  // the handlers stay registered once
  const unsigned before = fork_generation();
  EXPECT_EQ(in_child([before] {
              return fork_generation() == before + 1 &&
                     in_child([before] { return fork_generation() == before + 2; }) == 0;
            }),
            0);
  EXPECT_EQ(fork_generation(), before);
}

TEST(ForkGate, lets_a_thread_fork_inside_its_own_section) {
  install_fork_gate();
  const OpensslSection outer;
  const OpensslSection inner;
  EXPECT_EQ(in_child(can_hash), 0);
  EXPECT_TRUE(can_hash());
}

TEST(ForkGate, gives_up_on_a_section_that_does_not_end) {
  install_fork_gate();
  std::atomic<bool> inside{false};
  std::atomic<bool> leave{false};
  std::thread holder([&] {
    const OpensslSection section;
    inside = true;
    inside.notify_one();
    leave.wait(false);
  });
  inside.wait(false);
  EXPECT_EQ(in_child([] { return true; }), 0);
  leave = true;
  leave.notify_one();
  holder.join();
  EXPECT_TRUE(can_hash());
}

// Two forks, each shorter than a thread waits for one, both together longer.
TEST(ForkGate, is_waited_at_anew_for_each_fork) {
  using Clock = std::chrono::steady_clock;
  constexpr std::chrono::milliseconds kHeld{200};
  install_fork_gate();
  bool slipped_in = false;
  Clock::duration second_took{};
  do {  // again, where the machine held the second fork up for longer than a thread waits
    std::atomic<bool> first_begun{false};
    std::atomic<bool> second_begun{false};
    std::atomic<bool> entered{false};
    std::thread first([&] {
      behind_the_gate = [&] {
        first_begun = true;
        first_begun.notify_all();
        second_begun.wait(false);
      };
      EXPECT_EQ(in_child([] { return true; }), 0);
    });
    first_begun.wait(false);
    std::thread section([&] {
      const GateSection held;
      entered = true;
    });
    std::thread second([&] {
      Clock::time_point begun;
      behind_the_gate = [&] {
        begun = Clock::now();
        second_begun = true;
        second_begun.notify_all();
        std::this_thread::sleep_for(kHeld);
        slipped_in = entered;
        second_took = Clock::now() - begun;
      };
      std::this_thread::sleep_for(kHeld);
      EXPECT_EQ(in_child([] { return true; }), 0);
    });
    for (std::thread* thread : {&first, &section, &second}) thread->join();
    EXPECT_TRUE(entered);
  } while (second_took > kHeld + kHeld / 4);
  EXPECT_FALSE(slipped_in);
}

TEST(ForkGate, gives_children_a_working_openssl_while_threads_compute) {
  install_fork_gate();
  std::atomic<bool> stop{false};
  std::atomic<int> failures{0};
  std::vector<std::thread> threads;
  threads.reserve(4);
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      while (!stop) {
        if (!can_hash()) ++failures;
      }
    });
  }
  for (int i = 0; i < 200; ++i) ASSERT_EQ(in_child(can_hash), 0) << "fork " << i;
  stop = true;
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(failures, 0);
}

// What OpenSSL keeps for a thread goes under a process-wide lock when the thread ends.
TEST(ForkGate, gives_children_a_working_openssl_while_threads_end) {
#ifdef __SANITIZE_ADDRESS__
  GTEST_SKIP() << "a fork freezes AddressSanitizer's own allocator, which threads that begin use";
#endif
  install_fork_gate();
  ASSERT_NE(openssl_context(), nullptr);
  const char* const wanted = std::getenv("SEALWRIGHT_FORKS");
  const int forks = wanted == nullptr ? 1'000 : std::atoi(wanted);
  std::atomic<bool> stop{false};
  std::atomic<int> failures{0};
  std::vector<std::thread> threads;
  threads.reserve(6);
  for (int i = 0; i < 6; ++i) {
    threads.emplace_back([&] {
      while (!stop) {
        std::thread([&failures] { failures += can_hash() ? 0 : 1; }).join();
      }
    });
  }
  for (int i = 0; i < forks; ++i) {
    EXPECT_EQ(in_child(can_hash), 0) << "fork " << i;
    if (HasFailure()) break;
  }
  stop = true;
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(failures, 0);
}

}  // namespace
}  // namespace sealwright
