// An X.509 certificate, parsed once into what a certificate object shows.
#pragma once

#include <p11-kit/pkcs11.h>

#include <string>

#include "base/bytes.h"
#include "base/result.h"

namespace sealwright::crypto {

struct Certificate {
  Bytes der;      // the whole, as given
  Bytes subject;  // DER Name
  Bytes issuer;   // DER Name
  Bytes serial;   // DER INTEGER
  CK_DATE not_before;
  CK_DATE not_after;
  Bytes spki;  // DER SubjectPublicKeyInfo
  // UTF-8: the subject's last common name, the whole subject in one line (RFC 2253) without one.
  std::string common_name;
  Bytes key_identifier;  // SHA-1 of the public key bits (RFC 5280 §4.2.1.2 (1))

  // Errors: CKR_DEVICE_ERROR when `der` is not exactly one certificate.
  static Result<Certificate> parse(ByteView der);
};

}  // namespace sealwright::crypto
