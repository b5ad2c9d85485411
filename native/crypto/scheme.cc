#include "crypto/scheme.h"

namespace sealwright::crypto {

Result<DigestToSign> without_parameters(const Scheme& scheme, const CK_MECHANISM& mechanism,
                                        Hash hash) {
  if (mechanism.ulParameterLen != 0) {
    return fail(CKR_MECHANISM_PARAM_INVALID, "the mechanism takes no parameters");
  }
  return DigestToSign{&scheme, hash, {}, std::nullopt};
}

}  // namespace sealwright::crypto
