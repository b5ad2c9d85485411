// Sessions: what C_OpenSession opens, and the table that names them.
#pragma once

#include <p11-kit/pkcs11.h>

#include <cstddef>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "base/result.h"
#include "session/operations.h"
#include "token/object.h"

namespace sealwright::session {

// What a step leaves behind: an operation that goes on (a part, a length query), or none.
enum class Progress { kGoesOn, kEnded };

class Session {
 public:
  Session(CK_SESSION_HANDLE handle, CK_SLOT_ID slot, bool read_write)
      : handle_(handle), slot_(slot), read_write_(read_write) {}

  [[nodiscard]] CK_SESSION_HANDLE handle() const { return handle_; }
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
  const CK_SESSION_HANDLE handle_;
  const CK_SLOT_ID slot_;
  const bool read_write_;
  std::mutex mutex_;
  Operations operations_;
};

// And the objects that sessions have made: all sessions with the token see them, and each is gone
// with the session that made it (PKCS#11 v2.40 §4.4).
class Sessions {
 public:
  using Objects = std::vector<std::shared_ptr<const token::Object>>;
  static constexpr std::size_t kMostObjects = 1024;  // of one session

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

  // Errors: CKR_SESSION_HANDLE_INVALID (closed meanwhile), CKR_DEVICE_MEMORY (no more of them).
  Result<void> add_object(const Session& maker, token::Object object);
  // Null: no session with this token has made it, or it is gone.
  [[nodiscard]] std::shared_ptr<const token::Object> object(CK_SLOT_ID slot,
                                                            CK_OBJECT_HANDLE handle) const;
  [[nodiscard]] Objects objects(CK_SLOT_ID slot) const;
  // Whoever uses it meanwhile holds it. False: as null above.
  bool destroy_object(CK_SLOT_ID slot, CK_OBJECT_HANDLE handle);

 private:
  struct Made {
    CK_SESSION_HANDLE by;
    std::shared_ptr<const token::Object> object;
  };
  // Takes out what `is_gone` says, to die outside the lock, which the caller holds.
  template <typename Condition>
  std::vector<Made> take_objects(Condition is_gone);

  mutable std::mutex mutex_;
  std::map<CK_SESSION_HANDLE, std::shared_ptr<Session>> sessions_;
  std::map<CK_OBJECT_HANDLE, Made> objects_;
};

}  // namespace sealwright::session
