// PKCS#11 v2.40 §5.7 Object management functions.

#include <vector>

#include "abi/arguments.h"
#include "abi/functions.h"
#include "abi/named_objects.h"
#include "token/session_key.h"

namespace sealwright::abi {

using session::Operations;
using session::Progress;

namespace {

// Octets of all values that an object is made of: more is no public key's.
constexpr CK_ULONG kMostOctets = 16'384;

Result<void> check_size(std::span<const CK_ATTRIBUTE> values) {
  CK_ULONG left = kMostOctets;
  for (const CK_ATTRIBUTE& entry : values) {
    if (entry.ulValueLen > left) {
      return fail(CKR_DEVICE_MEMORY, "the values are longer than a public key's");
    }
    left -= entry.ulValueLen;
  }
  return {};
}

}  // namespace

Result<void> create_object(library::Provider& provider, session::Session& session,
                           CK_ATTRIBUTE_PTR pTemplate, CK_ULONG ulCount,
                           CK_OBJECT_HANDLE_PTR phObject) {
  if (phObject == nullptr) {
    return bad_argument("phObject");
  }
  const auto values = input(pTemplate, ulCount, "pTemplate");
  if (!values) {
    return fail(values.error());
  }
  if (auto sized = check_size(*values); !sized) {
    return sized;
  }
  const auto given = criteria(pTemplate, ulCount);
  if (!given) {
    return fail(given.error());
  }
  auto object = token::make_session_key(session.slot(), session.read_write(), *given);
  if (!object) {
    return fail(std::move(object).error());
  }
  const CK_OBJECT_HANDLE handle = object->handle;
  if (auto added = provider.sessions().add_object(session, *std::move(object)); !added) {
    return added;
  }
  *phObject = handle;
  return {};
}

Result<void> destroy_object(library::Provider& provider, session::Session& session,
                            CK_OBJECT_HANDLE hObject) {
  if (provider.sessions().destroy_object(session.slot(), hObject)) {
    return {};
  }
  if (const auto object = provider.tokens().object(session.slot(), hObject); !object) {
    return fail(object.error());
  }
  return fail(CKR_ACTION_PROHIBITED, "what the token holds is the control plane's to delete");
}

Result<void> get_object_size(library::Provider& provider, session::Session& session,
                             CK_OBJECT_HANDLE hObject, CK_ULONG_PTR pulSize) {
  if (pulSize == nullptr) {
    return bad_argument("pulSize");
  }
  const auto object = find_object(provider, session.slot(), hObject);
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
  const auto object = find_object(provider, session.slot(), hObject);
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
    auto objects = provider.tokens().visible_objects(session.slot());
    if (!objects) {
      return fail(objects.error());
    }
    const auto made = provider.sessions().objects(session.slot());
    objects->insert(objects->end(), made.begin(), made.end());
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
