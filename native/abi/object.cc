// PKCS#11 v2.40 §5.7 Object management functions.

#include <vector>

#include "abi/arguments.h"
#include "abi/functions.h"

namespace sealwright::abi {

using session::Operations;
using session::Progress;

Result<void> get_object_size(library::Provider& provider, session::Session& session,
                             CK_OBJECT_HANDLE hObject, CK_ULONG_PTR pulSize) {
  if (pulSize == nullptr) {
    return bad_argument("pulSize");
  }
  const auto object = provider.tokens().object(session.slot(), hObject);
  if (!object) {
    return fail(object.error());
  }
  *pulSize = CK_UNAVAILABLE_INFORMATION;
  return {};
}

Result<void> get_attribute_value(library::Provider& provider, session::Session& session,
                                 CK_OBJECT_HANDLE hObject, CK_ATTRIBUTE_PTR pTemplate,
                                 CK_ULONG ulCount) {
  const auto wanted = input(pTemplate, ulCount, "pTemplate");
  if (!wanted) {
    return fail(wanted.error());
  }
  const auto object = provider.tokens().object(session.slot(), hObject);
  if (!object) {
    return fail(object.error());
  }
  return token::read_attributes(**object, *wanted);
}

Result<void> find_objects_init(library::Provider& provider, session::Session& session,
                               CK_ATTRIBUTE_PTR pTemplate, CK_ULONG ulCount) {
  const auto wanted = criteria(pTemplate, ulCount);
  if (!wanted) {
    return fail(wanted.error());
  }
  return session.begin(&Operations::find, [&]() -> Result<session::Find> {
    const auto objects = provider.tokens().visible_objects(session.slot());
    if (!objects) {
      return fail(objects.error());
    }
    std::vector<CK_OBJECT_HANDLE> handles;
    for (const auto& object : *objects) {
      if (token::matches(*object, *wanted)) {
        handles.push_back(object->handle);
      }
    }
    return session::Find(std::move(handles));
  });
}

Result<void> find_objects(library::Provider&, session::Session& session,
                          CK_OBJECT_HANDLE_PTR phObject, CK_ULONG ulMaxObjectCount,
                          CK_ULONG_PTR pulObjectCount) {
  if (pulObjectCount == nullptr || (phObject == nullptr && ulMaxObjectCount != 0)) {
    return bad_argument("phObject or pulObjectCount");
  }
  return session.advance(&Operations::find, [&](session::Find& find) -> Result<Progress> {
    const std::vector<CK_OBJECT_HANDLE> handles = find.next(ulMaxObjectCount);
    std::copy(handles.begin(), handles.end(), phObject);
    *pulObjectCount = handles.size();
    return Progress::kGoesOn;
  });
}

Result<void> find_objects_final(library::Provider&, session::Session& session) {
  return session.advance(&Operations::find,
                         [](session::Find&) -> Result<Progress> { return Progress::kEnded; });
}

}  // namespace sealwright::abi
