#include "token/object.h"

#include <algorithm>

namespace sealwright::token {
namespace {

CK_RV read_attribute(const Object& object, CK_ATTRIBUTE& wanted) {
  const Attribute* attribute = object.find(wanted.type);
  if (attribute == nullptr || attribute->sensitive) {
    wanted.ulValueLen = CK_UNAVAILABLE_INFORMATION;
    return attribute == nullptr ? CKR_ATTRIBUTE_TYPE_INVALID : CKR_ATTRIBUTE_SENSITIVE;
  }
  const Bytes& value = attribute->value;
  if (wanted.pValue == nullptr) {
    wanted.ulValueLen = value.size();
    return CKR_OK;
  }
  if (wanted.ulValueLen < value.size()) {
    wanted.ulValueLen = CK_UNAVAILABLE_INFORMATION;
    return CKR_BUFFER_TOO_SMALL;
  }
  std::copy(value.begin(), value.end(), static_cast<CK_BYTE*>(wanted.pValue));
  wanted.ulValueLen = value.size();
  return CKR_OK;
}

}  // namespace

const Attribute* Object::find(CK_ATTRIBUTE_TYPE type) const {
  const auto found = std::find_if(attributes.begin(), attributes.end(),
                                  [type](const Attribute& one) { return one.type == type; });
  return found == attributes.end() ? nullptr : &*found;
}

bool matches(const Object& object, std::span<const Criterion> criteria) {
  return std::all_of(criteria.begin(), criteria.end(), [&object](const Criterion& criterion) {
    const Attribute* attribute = object.find(criterion.type);
    return attribute != nullptr && !attribute->sensitive && attribute->value == criterion.value;
  });
}

Result<void> read_attributes(const Object& object, std::span<CK_ATTRIBUTE> wanted) {
  CK_RV first_fault = CKR_OK;
  for (CK_ATTRIBUTE& entry : wanted) {
    const CK_RV rv = read_attribute(object, entry);
    if (first_fault == CKR_OK) {
      first_fault = rv;
    }
  }
  if (first_fault != CKR_OK) {
    return fail(first_fault, "not every attribute of the template can be given");
  }
  return {};
}

}  // namespace sealwright::token
