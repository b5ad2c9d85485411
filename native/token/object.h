// The objects of a token: what C_FindObjects finds and C_GetAttributeValue reads.
#pragma once

#include <p11-kit/pkcs11.h>

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "crypto/public_key.h"

namespace sealwright::token {

// What a key handle names, for as long as the process lives: this key under this certificate.
struct SigningKey {
  std::string signer;              // name
  std::string certificate_serial;  // lower-case hex
  std::shared_ptr<const crypto::PublicKey> public_key;
};

struct Attribute {
  CK_ATTRIBUTE_TYPE type;
  Bytes value;             // as C_GetAttributeValue gives it
  bool sensitive = false;  // exists, never told (PKCS#11 v2.40 §4.9)
};

struct Object {
  CK_SLOT_ID slot = 0;
  CK_OBJECT_CLASS object_class = 0;
  bool is_private = false;  // hidden until login
  std::vector<Attribute> attributes;
  std::shared_ptr<const SigningKey> key;  // null for certificates
  CK_OBJECT_HANDLE handle = CK_INVALID_HANDLE;

  [[nodiscard]] const Attribute* find(CK_ATTRIBUTE_TYPE type) const;  // null: not of this class
};

// An entry of a template to search with, or to make an object of (PKCS#11 v2.40 §5.7).
struct Criterion {
  CK_ATTRIBUTE_TYPE type;
  Bytes value;
};

// True when every criterion equals the object's attribute, octet by octet.
bool matches(const Object& object, std::span<const Criterion> criteria);

// Fills the template as PKCS#11 v2.40 §5.7 (C_GetAttributeValue) demands: every entry is answered,
// a length of CK_UNAVAILABLE_INFORMATION marks those that cannot be.
// Errors: CKR_ATTRIBUTE_SENSITIVE, CKR_ATTRIBUTE_TYPE_INVALID, CKR_BUFFER_TOO_SMALL.
Result<void> read_attributes(const Object& object, std::span<CK_ATTRIBUTE> wanted);

}  // namespace sealwright::token
