#include "library/library.h"

#include <atomic>
#include <mutex>
#include <utility>

#include "base/openssl.h"
#include "settings/load.h"

namespace sealwright::library {
namespace {

// The state of one process generation. A fork may freeze the mutex in any state, so a child never
// touches its parent's: it compares generations, which needs no lock, and makes a state of its own.
struct State {
  explicit State(unsigned of_generation) : generation(of_generation) {}

  const unsigned generation;
  std::mutex mutex;
  std::shared_ptr<Provider> provider;         // guarded by the mutex
  std::atomic<Provider*> abandoned{nullptr};  // the same, for a child that must not lock
};

std::atomic<State*> current{nullptr};

State* state_of_this_process() {
  State* state = current.load(std::memory_order_acquire);
  return state != nullptr && state->generation == fork_generation() ? state : nullptr;
}

State& make_state_of_this_process() {
  const unsigned generation = fork_generation();
  State* seen = current.load(std::memory_order_acquire);
  if (seen != nullptr && seen->generation == generation) {
    return *seen;
  }
  auto fresh = std::make_unique<State>(generation);
  if (!current.compare_exchange_strong(seen, fresh.get(), std::memory_order_acq_rel)) {
    return *seen;  // another thread was first
  }
  if (seen != nullptr) {
    if (Provider* parents = seen->abandoned.load(std::memory_order_acquire); parents != nullptr) {
      parents->abandon_after_fork();
    }
  }
  return *fresh.release();
}

// In a child that inherited an initialised library: some programs end that before they begin anew.
// Nothing is freed: threads of the parent may stand in the middle of it.
Result<void> finalize_inherited() {
  State* parents = current.load(std::memory_order_acquire);
  Provider* inherited = parents == nullptr ? nullptr : parents->abandoned.exchange(nullptr);
  if (inherited == nullptr) {
    return fail(CKR_CRYPTOKI_NOT_INITIALIZED, "not initialised");
  }
  inherited->abandon_after_fork();
  make_state_of_this_process();
  return {};
}

}  // namespace

Result<void> initialize(Host host) {
  install_fork_gate();
  State& state = make_state_of_this_process();
  const std::lock_guard lock(state.mutex);
  if (state.provider != nullptr) {
    return fail(CKR_CRYPTOKI_ALREADY_INITIALIZED, "already initialised");
  }
  // Here, where one thread passes at a time, so that no two of them make a context at once.
  if (openssl_context() == nullptr) {
    return fail(CKR_HOST_MEMORY, "OpenSSL does not start");
  }
  auto settings = settings::load_settings();
  if (!settings) {
    return fail(Error::tell(CKR_GENERAL_ERROR, settings.error().message));
  }
  settings->is_bystander = host == Host::kRegistry && settings->variables.empty() &&
                           settings->urls.empty() && !settings->api_key &&
                           settings->signers.empty();
  state.provider = std::make_shared<Provider>(*std::move(settings));
  state.abandoned.store(state.provider.get(), std::memory_order_release);
  return {};
}

Result<void> finalize() {
  State* state = state_of_this_process();
  if (state == nullptr) {
    return finalize_inherited();
  }
  std::shared_ptr<Provider> last;  // dies outside the lock, or with the last running call
  const std::lock_guard lock(state->mutex);
  if (state->provider == nullptr) {
    return fail(CKR_CRYPTOKI_NOT_INITIALIZED, "not initialised");
  }
  state->abandoned.store(nullptr, std::memory_order_release);
  last = std::move(state->provider);
  last->stop();
  return {};
}

std::shared_ptr<Provider> provider() {
  State* state = state_of_this_process();
  if (state == nullptr) {
    return nullptr;
  }
  const std::lock_guard lock(state->mutex);
  return state->provider;
}

}  // namespace sealwright::library
