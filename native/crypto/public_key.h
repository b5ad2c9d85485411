// A public key, parsed once from its SubjectPublicKeyInfo; immutable and shared by threads.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>

#include "base/bytes.h"
#include "base/result.h"
#include "crypto/digest_to_sign.h"

struct evp_pkey_st;

namespace sealwright::crypto {

enum class KeyKind { kRsa, kEc };

// Whether these octets are one DER SEQUENCE, by its header.
bool is_one_der_sequence(ByteView der);

class PublicKey {
 public:
  static Result<std::shared_ptr<const PublicKey>> parse(ByteView spki_der);
  // By its algorithm alone, at a thousandth of the cost; none for one that `parse` refuses for its
  // algorithm.
  static std::optional<KeyKind> kind_of(ByteView spki_der);

  [[nodiscard]] KeyKind kind() const { return kind_; }
  [[nodiscard]] std::size_t bits() const { return bits_; }  // of the modulus or the group order
  // Octets of a signature: the modulus's, or twice the order's (r‖s).
  [[nodiscard]] std::size_t signature_length() const { return signature_length_; }

  [[nodiscard]] const Bytes& spki() const { return spki_; }              // DER
  [[nodiscard]] const Bytes& key_identifier() const { return key_id_; }  // RFC 5280 §4.2.1.2 (1)
  [[nodiscard]] const Bytes& modulus() const { return modulus_; }        // no leading zero; RSA
  [[nodiscard]] const Bytes& public_exponent() const { return exponent_; }
  [[nodiscard]] const Bytes& ec_params() const { return ec_params_; }  // DER namedCurve OID
  [[nodiscard]] const Bytes& ec_point() const { return ec_point_; }  // DER OCTET STRING of 04‖x‖y

  // A signature to verify in the length that this key makes them: r and s of an ECDSA signature may
  // come without leading zeros, both of one length (PKCS#11 v2.40 mechanisms §2.3.1). None: no
  // signature of this key has such a length.
  [[nodiscard]] std::optional<Bytes> in_full_length(ByteView signature) const;

  // True exactly for a valid signature over `what` (RSA octets, or r‖s), in full length.
  [[nodiscard]] Result<bool> verify(const DigestToSign& what, ByteView signature) const;

  ~PublicKey();
  PublicKey(const PublicKey&) = delete;
  PublicKey& operator=(const PublicKey&) = delete;

 private:
  PublicKey() = default;

  evp_pkey_st* key_ = nullptr;
  KeyKind kind_ = KeyKind::kRsa;
  std::size_t bits_ = 0;
  std::size_t signature_length_ = 0;
  Bytes spki_, key_id_, modulus_, exponent_, ec_params_, ec_point_;
};

}  // namespace sealwright::crypto
