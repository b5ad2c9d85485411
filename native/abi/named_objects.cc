#include "abi/named_objects.h"

namespace sealwright::abi {

using Found = Result<std::shared_ptr<const token::Object>>;

Found find_object(library::Provider& provider, CK_SLOT_ID slot, CK_OBJECT_HANDLE handle) {
  if (auto made = provider.sessions().object(slot, handle)) {
    return made;
  }
  return provider.tokens().object(slot, handle);
}

Found find_key(library::Provider& provider, CK_SLOT_ID slot, CK_OBJECT_HANDLE handle) {
  if (auto made = provider.sessions().object(slot, handle)) {
    return made;  // keys are all that sessions make
  }
  return provider.tokens().key(slot, handle);
}

}  // namespace sealwright::abi
