#include "session/session.h"

#include <atomic>

namespace sealwright::session {
namespace {

// Of the process: a handle from before C_Finalize must not name another session.
std::atomic<CK_SESSION_HANDLE> next_handle{1};

tl::unexpected<Error> unknown_session() {
  return fail(CKR_SESSION_HANDLE_INVALID, "no open session has this handle");
}

}  // namespace

CK_SESSION_HANDLE Sessions::open(CK_SLOT_ID slot, bool read_write) {
  auto session = std::make_shared<Session>(slot, read_write);
  const CK_SESSION_HANDLE handle = next_handle.fetch_add(1, std::memory_order_relaxed);
  const std::lock_guard lock(mutex_);
  sessions_.emplace(handle, std::move(session));
  return handle;
}

Result<std::shared_ptr<Session>> Sessions::find(CK_SESSION_HANDLE handle) const {
  const std::lock_guard lock(mutex_);
  const auto found = sessions_.find(handle);
  if (found == sessions_.end()) {
    return unknown_session();
  }
  return found->second;
}

Result<void> Sessions::close(CK_SESSION_HANDLE handle) {
  std::shared_ptr<Session> closed;  // dies outside the lock
  const std::lock_guard lock(mutex_);
  const auto found = sessions_.find(handle);
  if (found == sessions_.end()) {
    return unknown_session();
  }
  closed = std::move(found->second);
  sessions_.erase(found);
  return {};
}

void Sessions::close_all(CK_SLOT_ID slot) {
  const std::lock_guard lock(mutex_);
  std::erase_if(sessions_, [slot](const auto& entry) { return entry.second->slot() == slot; });
}

Sessions::Count Sessions::count(CK_SLOT_ID slot) const {
  const std::lock_guard lock(mutex_);
  Count count;
  for (const auto& [handle, session] : sessions_) {
    if (session->slot() == slot) {
      ++count.all;
      count.read_write += session->read_write() ? 1U : 0U;
    }
  }
  return count;
}

}  // namespace sealwright::session
