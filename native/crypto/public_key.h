// A public key, parsed once from its SubjectPublicKeyInfo; immutable and shared by threads.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "crypto/digest_to_sign.h"
#include "crypto/key_kind.h"

struct evp_pkey_st;

namespace sealwright::crypto {

// Whether these octets are one DER SEQUENCE, by its header.
bool is_one_der_sequence(ByteView der);

class PublicKey {
 public:
  static Result<std::shared_ptr<const PublicKey>> parse(ByteView spki_der);
  // By its algorithm alone, at a thousandth of the cost; null for one that `parse` refuses for its
  // algorithm.
  static const KeyKind* kind_of(ByteView spki_der);

  [[nodiscard]] const KeyKind& kind() const { return *kind_; }
  [[nodiscard]] std::size_t bits() const { return values_.bits; }
  [[nodiscard]] std::size_t signature_length() const { return values_.signature_length; }
  // What its kind shows of it, and one of these (null: not of this kind).
  [[nodiscard]] const std::vector<KeyAttribute>& attributes() const { return values_.attributes; }
  [[nodiscard]] const Bytes* attribute(CK_ATTRIBUTE_TYPE type) const;

  [[nodiscard]] const Bytes& spki() const { return spki_; }              // DER
  [[nodiscard]] const Bytes& key_identifier() const { return key_id_; }  // RFC 5280 §4.2.1.2 (1)

  // A signature to verify in the length that this key makes them: r and s of an ECDSA signature may
  // come without leading zeros, both of one length (PKCS#11 v2.40 mechanisms §2.3.1). None: no
  // signature of this key has such a length.
  [[nodiscard]] std::optional<Bytes> in_full_length(ByteView signature) const;

  // True exactly for a valid signature over `what` (RSA octets, r‖s, or RFC 8032's), in full
  // length.
  [[nodiscard]] Result<bool> verify(const DigestToSign& what, ByteView signature) const;

  ~PublicKey();
  PublicKey(const PublicKey&) = delete;
  PublicKey& operator=(const PublicKey&) = delete;

 private:
  PublicKey() = default;

  evp_pkey_st* key_ = nullptr;
  const KeyKind* kind_ = nullptr;
  KeyValues values_;
  Bytes spki_, key_id_;
};

}  // namespace sealwright::crypto
