// From the bytes that a tool hands to C_Sign or C_Verify to the digest that a key signs.
//
// A mechanism with a hash digests the data as it comes; a raw one (CKM_RSA_PKCS, CKM_RSA_PKCS_PSS,
// CKM_ECDSA) collects at most what one signature can hold. Signing and verifying share this.
#pragma once

#include <memory>

#include "base/bytes.h"
#include "base/result.h"
#include "crypto/digest_to_sign.h"
#include "crypto/mechanism.h"
#include "crypto/public_key.h"

namespace sealwright::crypto {

class Message {
 public:
  // Checks mechanism, parameters and key together.
  // Errors: CKR_MECHANISM_INVALID, CKR_MECHANISM_PARAM_INVALID, CKR_KEY_TYPE_INCONSISTENT.
  static Result<std::unique_ptr<Message>> start(const CK_MECHANISM& mechanism,
                                                const PublicKey& key);
  virtual ~Message() = default;

  // Errors: CKR_DATA_LEN_RANGE once a raw mechanism has more than one signature can hold.
  virtual Result<void> update(ByteView data) = 0;
  // Errors: CKR_DATA_LEN_RANGE for a digest of the wrong length.
  virtual Result<DigestToSign> finish() = 0;
};

}  // namespace sealwright::crypto
