// Sessions: what C_OpenSession opens, and the table that names them.
#pragma once

#include <p11-kit/pkcs11.h>

#include <cstddef>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

#include "base/result.h"
#include "session/operations.h"

namespace sealwright::session {

// What a step leaves behind: an operation that goes on (a part, a length query), or none.
enum class Progress { kGoesOn, kEnded };

class Session {
 public:
  Session(CK_SLOT_ID slot, bool read_write) : slot_(slot), read_write_(read_write) {}

  [[nodiscard]] CK_SLOT_ID slot() const { return slot_; }
  [[nodiscard]] bool read_write() const { return read_write_; }

  // Starts an operation that `make` returns a Result of. Errors: CKR_OPERATION_ACTIVE.
  template <typename Operation, typename Make>
  Result<void> begin(std::optional<Operation> Operations::*kind, Make make) {
    const std::lock_guard lock(mutex_);
    auto& operation = operations_.*kind;
    if (operation) {
      return fail(CKR_OPERATION_ACTIVE, "an operation of this kind is active in the session");
    }
    Result<Operation> made = make();
    if (!made) {
      return fail(std::move(made).error());
    }
    operation.emplace(*std::move(made));
    return {};
  }

  // Ends the operation, if one is active: was it?
  template <typename Operation>
  bool cancel(std::optional<Operation> Operations::*kind) {
    const std::lock_guard lock(mutex_);
    return std::exchange(operations_.*kind, std::nullopt).has_value();
  }

  // Runs one step of the active operation: `step(operation)` returns a Result<Progress>. Whatever
  // goes wrong ends the operation, an exception too; only CKR_BUFFER_TOO_SMALL leaves it active.
  // The session's lock is held meanwhile, also across a request. Errors:
  // CKR_OPERATION_NOT_INITIALIZED.
  template <typename Operation, typename Step>
  Result<void> advance(std::optional<Operation> Operations::*kind, Step step) {
    const std::lock_guard lock(mutex_);
    auto& operation = operations_.*kind;
    if (!operation) {
      return fail(CKR_OPERATION_NOT_INITIALIZED, "no operation of this kind is active");
    }
    std::optional<Operation> running = std::exchange(operation, std::nullopt);
    const Result<Progress> progress = step(*running);
    if (progress ? *progress == Progress::kGoesOn : progress.error().rv == CKR_BUFFER_TOO_SMALL) {
      operation = std::move(running);
    }
    if (!progress) {
      return fail(progress.error());
    }
    return {};
  }

 private:
  const CK_SLOT_ID slot_;
  const bool read_write_;
  std::mutex mutex_;
  Operations operations_;
};

class Sessions {
 public:
  struct Count {
    std::size_t all = 0;
    std::size_t read_write = 0;
  };

  CK_SESSION_HANDLE open(CK_SLOT_ID slot, bool read_write);
  // The session stays alive for as long as the caller holds it, closed or not.
  // Errors: CKR_SESSION_HANDLE_INVALID.
  [[nodiscard]] Result<std::shared_ptr<Session>> find(CK_SESSION_HANDLE handle) const;
  Result<void> close(CK_SESSION_HANDLE handle);  // Errors: CKR_SESSION_HANDLE_INVALID
  void close_all(CK_SLOT_ID slot);
  [[nodiscard]] Count count(CK_SLOT_ID slot) const;

 private:
  mutable std::mutex mutex_;
  std::map<CK_SESSION_HANDLE, std::shared_ptr<Session>> sessions_;
};

}  // namespace sealwright::session
