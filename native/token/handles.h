// Object handles: never reused in a process, and bound to what they first named.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <tuple>

#include "token/object.h"

namespace sealwright::token {

class Handles {
 public:
  // The object under the handle that it has had since it was first seen, or under a new one. Two
  // objects are one when slot, class, value and certificate serial are.
  std::shared_ptr<const Object> bind(Object object);

  // Null: no such handle. An object that its token no longer shows is still found.
  [[nodiscard]] std::shared_ptr<const Object> find(CK_OBJECT_HANDLE handle) const;

 private:
  using Identity = std::tuple<CK_SLOT_ID, CK_OBJECT_CLASS, Bytes, std::string>;

  mutable std::mutex mutex_;
  std::map<Identity, std::shared_ptr<const Object>> by_identity_;
  std::map<CK_OBJECT_HANDLE, std::shared_ptr<const Object>> by_handle_;
};

}  // namespace sealwright::token
