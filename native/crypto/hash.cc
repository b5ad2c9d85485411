#include "crypto/hash.h"

#include <algorithm>

namespace sealwright::crypto {
namespace {

constexpr bool is_in_place(const HashRow& row) {
  return &row == &kHashRows[static_cast<std::size_t>(row.hash)];
}
static_assert(std::ranges::all_of(kHashRows, is_in_place));

template <typename Condition>
const HashRow* find(Condition condition) {
  const auto* found = std::ranges::find_if(
      kHashRows, [&](const HashRow& row) { return row.hash != Hash::kNone && condition(row); });
  return found == kHashRows.end() ? nullptr : found;
}

}  // namespace

const HashRow& row_of(Hash hash) { return kHashRows[static_cast<std::size_t>(hash)]; }

const HashRow* signing_hash_of_mechanism(CK_MECHANISM_TYPE type) {
  return find([type](const HashRow& row) { return !row.name.empty() && row.mechanism == type; });
}

const HashRow* signing_hash_of_mgf(CK_RSA_PKCS_MGF_TYPE type) {
  return find([type](const HashRow& row) { return !row.name.empty() && row.mgf == type; });
}

const HashRow* signing_hash_of_length(std::size_t length) {
  return find([length](const HashRow& row) { return !row.name.empty() && row.length == length; });
}

const HashRow* digest_of_mechanism(CK_MECHANISM_TYPE type) {
  return find([type](const HashRow& row) { return row.mechanism == type; });
}

}  // namespace sealwright::crypto
