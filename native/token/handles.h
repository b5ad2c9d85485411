// Object handles: never reused in a process, and bound to what they first named.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <tuple>

#include "token/object.h"

namespace sealwright::token {

// One that nothing in this process has had: for what no Handles binds, because it goes with a
// session.
CK_OBJECT_HANDLE new_object_handle();

class Handles {
 public:
  // The object under the handle that it has had since it was first seen, or under a new one. Two
  // objects are one when slot, class, value and certificate serial are.
  std::shared_ptr<const Object> bind(Object object);

  // Null: no such handle. An object that its token no longer shows is still found.
  [[nodiscard]] std::shared_ptr<const Object> find(CK_OBJECT_HANDLE handle) const;

  // The end of a login: the private objects of the slot get other handles when they are shown next
  // (PKCS#11 v2.40 §5.6, C_Logout).
  void end_private(CK_SLOT_ID slot);
  [[nodiscard]] bool ended(CK_OBJECT_HANDLE handle) const;
  // The object itself, or as it is now where its handle has ended.
  std::shared_ptr<const Object> current(const std::shared_ptr<const Object>& object);

 private:
  using Identity = std::tuple<CK_SLOT_ID, CK_OBJECT_CLASS, Bytes, std::string>;

  mutable std::mutex mutex_;
  std::map<Identity, std::shared_ptr<const Object>> by_identity_;
  std::map<CK_OBJECT_HANDLE, std::shared_ptr<const Object>> by_handle_;
  std::set<CK_OBJECT_HANDLE> ended_;
};

}  // namespace sealwright::token
