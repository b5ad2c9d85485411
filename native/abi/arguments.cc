#include "abi/arguments.h"

namespace sealwright::abi {

Result<std::vector<token::Criterion>> criteria(CK_ATTRIBUTE_PTR first, CK_ULONG count) {
  const auto entries = input(first, count, "pTemplate");
  if (!entries) {
    return fail(entries.error());
  }
  std::vector<token::Criterion> criteria;
  for (const CK_ATTRIBUTE& entry : *entries) {
    const auto value =
        input(static_cast<const CK_BYTE*>(entry.pValue), entry.ulValueLen, "pTemplate value");
    if (!value) {
      return fail(value.error());
    }
    criteria.push_back({entry.type, Bytes(value->begin(), value->end())});
  }
  return criteria;
}

}  // namespace sealwright::abi
