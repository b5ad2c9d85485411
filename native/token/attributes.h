// The attributes of each object class, in the order of PKCS#11 v2.40 §4, with CKA_UNIQUE_ID of
// v3.0.
#pragma once

#include <memory>
#include <string>

#include "crypto/certificate.h"
#include "token/object.h"

namespace sealwright::token {

// The facts that a signer's key objects share.
struct KeyFacts {
  CK_SLOT_ID slot = 0;
  std::string label;  // the signer's name
  Bytes subject;      // DER Name of the certificate
  bool login_required = false;
  std::shared_ptr<const SigningKey> key;
};

Object private_key_object(const KeyFacts& facts);
Object public_key_object(const KeyFacts& facts);

// CKA_CERTIFICATE_CATEGORY (PKCS#11 v2.40 §4.6.2).
enum class CertificateCategory : CK_ULONG { kTokenUser = 1, kAuthority = 2 };

// `label` and `id` are the signer's for its own certificate; an issuing one has its own, so that
// no tool takes it for the key's. `sha1` is the digest of the whole certificate.
Object certificate_object(CK_SLOT_ID slot, const crypto::Certificate& certificate,
                          CertificateCategory category, const std::string& label, const Bytes& id,
                          const Bytes& sha1);

}  // namespace sealwright::token
