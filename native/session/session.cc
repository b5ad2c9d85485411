#include "session/session.h"

#include <algorithm>
#include <atomic>

namespace sealwright::session {
namespace {

// Of the process: a handle from before C_Finalize must not name another session.
std::atomic<CK_SESSION_HANDLE> next_handle{1};

tl::unexpected<Error> unknown_session() {
  return fail(CKR_SESSION_HANDLE_INVALID, "no open session has this handle");
}

}  // namespace

template <typename Condition>
std::vector<Sessions::Made> Sessions::take_objects(Condition is_gone) {
  std::vector<Made> gone;
  for (auto entry = objects_.begin(); entry != objects_.end();) {
    if (!is_gone(entry->second)) {
      ++entry;
      continue;
    }
    gone.push_back(std::move(entry->second));
    entry = objects_.erase(entry);
  }
  return gone;
}

CK_SESSION_HANDLE Sessions::open(CK_SLOT_ID slot, bool read_write) {
  const CK_SESSION_HANDLE handle = next_handle.fetch_add(1, std::memory_order_relaxed);
  auto session = std::make_shared<Session>(handle, slot, read_write);
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
  std::shared_ptr<Session> closed;  // these die outside the lock
  std::vector<Made> gone;
  const std::lock_guard lock(mutex_);
  const auto found = sessions_.find(handle);
  if (found == sessions_.end()) {
    return unknown_session();
  }
  closed = std::move(found->second);
  sessions_.erase(found);
  gone = take_objects([handle](const Made& made) { return made.by == handle; });
  return {};
}

void Sessions::close_all(CK_SLOT_ID slot) {
  std::vector<Made> gone;
  const std::lock_guard lock(mutex_);
  std::erase_if(sessions_, [slot](const auto& entry) { return entry.second->slot() == slot; });
  gone = take_objects([slot](const Made& made) { return made.object->slot == slot; });
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

Result<void> Sessions::add_object(const Session& maker, token::Object object) {
  const CK_OBJECT_HANDLE handle = object.handle;
  Made made{maker.handle(), std::make_shared<const token::Object>(std::move(object))};
  const std::lock_guard lock(mutex_);
  if (!sessions_.contains(maker.handle())) {
    return unknown_session();
  }
  const auto count = std::ranges::count_if(
      objects_, [&maker](const auto& entry) { return entry.second.by == maker.handle(); });
  if (static_cast<std::size_t>(count) >= kMostObjects) {
    return fail(CKR_DEVICE_MEMORY, "the session holds as many objects as one may");
  }
  objects_.emplace(handle, std::move(made));
  return {};
}

std::shared_ptr<const token::Object> Sessions::object(CK_SLOT_ID slot,
                                                      CK_OBJECT_HANDLE handle) const {
  const std::lock_guard lock(mutex_);
  const auto found = objects_.find(handle);
  const bool is_seen = found != objects_.end() && found->second.object->slot == slot;
  return is_seen ? found->second.object : nullptr;
}

Sessions::Objects Sessions::objects(CK_SLOT_ID slot) const {
  Objects objects;
  const std::lock_guard lock(mutex_);
  for (const auto& [handle, made] : objects_) {
    if (made.object->slot == slot) {
      objects.push_back(made.object);
    }
  }
  return objects;
}

bool Sessions::destroy_object(CK_SLOT_ID slot, CK_OBJECT_HANDLE handle) {
  std::vector<Made> gone;
  const std::lock_guard lock(mutex_);
  gone = take_objects([slot, handle](const Made& made) {
    return made.object->handle == handle && made.object->slot == slot;
  });
  return !gone.empty();
}

}  // namespace sealwright::session
