#include "token/handles.h"

#include <atomic>
#include <utility>

namespace sealwright::token {
namespace {

// Of the process, not of one Handles: a handle from before C_Finalize must not name another object.
std::atomic<CK_OBJECT_HANDLE> next_handle{1};

}  // namespace

CK_OBJECT_HANDLE new_object_handle() { return next_handle.fetch_add(1, std::memory_order_relaxed); }

std::shared_ptr<const Object> Handles::bind(Object object) {
  const CK_ATTRIBUTE_TYPE content =
      object.object_class == CKO_CERTIFICATE ? CKA_VALUE : CKA_PUBLIC_KEY_INFO;
  const Attribute* attribute = object.find(content);
  Identity identity(object.slot, object.object_class,
                    attribute == nullptr ? Bytes{} : attribute->value,
                    object.key == nullptr ? std::string{} : object.key->certificate_serial);

  const std::lock_guard lock(mutex_);
  if (const auto known = by_identity_.find(identity); known != by_identity_.end()) {
    return known->second;
  }
  object.handle = new_object_handle();
  auto bound = std::make_shared<const Object>(std::move(object));
  by_handle_.emplace(bound->handle, bound);
  by_identity_.emplace(std::move(identity), bound);
  return bound;
}

std::shared_ptr<const Object> Handles::find(CK_OBJECT_HANDLE handle) const {
  const std::lock_guard lock(mutex_);
  const auto found = by_handle_.find(handle);
  return found == by_handle_.end() ? nullptr : found->second;
}

void Handles::end_private(CK_SLOT_ID slot) {
  const std::lock_guard lock(mutex_);
  for (auto entry = by_identity_.begin(); entry != by_identity_.end();) {
    const Object& object = *entry->second;
    if (object.slot == slot && object.is_private) {
      ended_.insert(object.handle);
      entry = by_identity_.erase(entry);
    } else {
      ++entry;
    }
  }
}

bool Handles::ended(CK_OBJECT_HANDLE handle) const {
  const std::lock_guard lock(mutex_);
  return ended_.contains(handle);
}

std::shared_ptr<const Object> Handles::current(const std::shared_ptr<const Object>& object) {
  return ended(object->handle) ? bind(Object(*object)) : object;
}

}  // namespace sealwright::token
