#include "bindings/input.h"

#include <pthread.h>

#include <cstdint>
#include <memory>

namespace sealwright::bindings {
namespace {

CK_RV create_mutex(void** mutex) {
  auto created = std::make_unique<pthread_mutex_t>();
  pthread_mutex_init(created.get(), nullptr);
  *mutex = created.release();
  return CKR_OK;
}

CK_RV destroy_mutex(void* mutex) {
  const std::unique_ptr<pthread_mutex_t> owned(static_cast<pthread_mutex_t*>(mutex));
  return pthread_mutex_destroy(owned.get()) == 0 ? CKR_OK : CKR_MUTEX_BAD;
}

CK_RV lock_mutex(void* mutex) {
  return pthread_mutex_lock(static_cast<pthread_mutex_t*>(mutex)) == 0 ? CKR_OK : CKR_MUTEX_BAD;
}

CK_RV unlock_mutex(void* mutex) {
  return pthread_mutex_unlock(static_cast<pthread_mutex_t*>(mutex)) == 0 ? CKR_OK
                                                                         : CKR_MUTEX_NOT_LOCKED;
}

}  // namespace

Mechanism::Mechanism(CK_MECHANISM_TYPE type, std::optional<std::string> parameter,
                     std::optional<CK_ULONG> length)
    : parameter_(std::move(parameter)),
      mechanism_{type, parameter_ ? parameter_->data() : nullptr,
                 length.value_or(parameter_ ? parameter_->size() : 0)} {}

void Template::add(CK_ATTRIBUTE_TYPE type, std::optional<std::string_view> value,
                   std::optional<CK_ULONG> length) {
  std::optional<CK_ULONG> size;
  if (value) {
    size = value->size();
  }
  add_room(type, size, length);
  if (value) {
    std::copy(value->begin(), value->end(), memory_.back().data());
  }
}

void Template::add_room(CK_ATTRIBUTE_TYPE type, std::optional<CK_ULONG> capacity,
                        std::optional<CK_ULONG> length) {
  memory_.emplace_back(capacity, length, false);
  attributes_.push_back({type, nullptr, memory_.back().length()});
}

CK_ULONG Template::length(std::size_t index) const { return attributes_.at(index).ulValueLen; }

std::span<const CK_BYTE> Template::value(std::size_t index) const {
  const CK_ATTRIBUTE& attribute = attributes_.at(index);
  if (attribute.pValue == nullptr || attribute.ulValueLen > memory_.at(index).capacity()) {
    throw std::length_error("the module gave no value for this attribute");
  }
  return {static_cast<const CK_BYTE*>(attribute.pValue), attribute.ulValueLen};
}

bool Template::overrun() const {
  return std::any_of(memory_.begin(), memory_.end(),
                     [](const Buffer& buffer) { return buffer.overrun(); });
}

CK_ATTRIBUTE* Template::get() {
  for (std::size_t index = 0; index < attributes_.size(); ++index) {
    attributes_[index].pValue = memory_[index].data();
  }
  return attributes_.data();
}

InitializeArguments::InitializeArguments(CK_FLAGS flags, int mutex_functions,
                                         std::uintptr_t reserved)
    : arguments_{} {
  arguments_.CreateMutex = mutex_functions > 0 ? create_mutex : nullptr;
  arguments_.DestroyMutex = mutex_functions > 1 ? destroy_mutex : nullptr;
  arguments_.LockMutex = mutex_functions > 2 ? lock_mutex : nullptr;
  arguments_.UnlockMutex = mutex_functions > 3 ? unlock_mutex : nullptr;
  arguments_.flags = flags;
  // NOLINTNEXTLINE(performance-no-int-to-ptr): a module must refuse it unread
  arguments_.pReserved = reinterpret_cast<void*>(reserved);
}

}  // namespace sealwright::bindings
