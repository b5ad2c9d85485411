#include "crypto/public_key.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/decoder.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>
#include <utility>

#include "crypto/digest.h"
#include "crypto/ecdsa.h"
#include "crypto/openssl_call.h"
#include "crypto/rsa_pkcs1.h"
#include "crypto/rsa_pss.h"

namespace sealwright::crypto {
namespace {

constexpr std::size_t kFewestRsaBits = 2048;
constexpr std::size_t kMostRsaBits = 4096;

struct Curve {
  std::string_view name;  // OpenSSL's
  std::size_t bits;
  std::span<const std::uint8_t> oid;  // DER
};
constexpr std::array<std::uint8_t, 10> kP256{0x06, 0x08, 0x2a, 0x86, 0x48,
                                             0xce, 0x3d, 0x03, 0x01, 0x07};
constexpr std::array<std::uint8_t, 7> kP384{0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22};
constexpr std::array<std::uint8_t, 7> kP521{0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x23};
constexpr std::array kCurves{
    Curve{"prime256v1", 256, kP256},
    Curve{"secp384r1", 384, kP384},
    Curve{"secp521r1", 521, kP521},
};

// DER of an AlgorithmIdentifier (RFC 3279 §2.3.1, RFC 5480 §2.1.1) up to the curve's OID.
constexpr std::array<std::uint8_t, 15> kRsaAlgorithm{0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86,
                                                     0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00};
constexpr std::array<std::uint8_t, 9> kEcAlgorithm{0x06, 0x07, 0x2a, 0x86, 0x48,
                                                   0xce, 0x3d, 0x02, 0x01};
constexpr std::uint8_t kSequence = 0x30;

// The content of a SEQUENCE that is all there is; none for anything else.
std::optional<ByteView> sequence_content(ByteView der) {
  if (der.size() < 2 || der[0] != kSequence) return std::nullopt;
  std::size_t length = der[1];
  std::size_t header = 2;
  if (length >= 0x80) {
    const std::size_t octets = length - 0x80;
    header += octets;
    if (octets < 1 || octets > 3 || der.size() < header) return std::nullopt;
    length = 0;
    for (const std::uint8_t octet : der.subspan(2, octets)) length = length << 8U | octet;
  }
  if (der.size() != header + length) return std::nullopt;
  return der.subspan(header);
}

bool begins_with(ByteView octets, ByteView beginning) {
  return octets.size() >= beginning.size() &&
         std::ranges::equal(octets.first(beginning.size()), beginning);
}

tl::unexpected<Error> unusable(const std::string& reason) {
  return fail(CKR_DEVICE_ERROR, "unusable public key: " + reason);
}

const Curve* find_curve(const EVP_PKEY* key) {
  std::array<char, 32> name{};
  if (EVP_PKEY_get_group_name(key, name.data(), name.size(), nullptr) != 1) return nullptr;
  for (const Curve& curve : kCurves) {
    if (curve.name == name.data()) return &curve;
  }
  return nullptr;
}

// The number behind `name`, big-endian, left-padded to `length` octets (0: none to spare).
std::optional<Bytes> read_number(const EVP_PKEY* key, const char* name, std::size_t length) {
  BIGNUM* raw = nullptr;
  if (EVP_PKEY_get_bn_param(key, name, &raw) != 1) return std::nullopt;
  const Owned<BIGNUM, BN_free> number(raw);
  Bytes octets(length != 0 ? length : static_cast<std::size_t>(BN_num_bytes(number.get())));
  if (BN_bn2binpad(number.get(), octets.data(), static_cast<int>(octets.size())) < 0) {
    return std::nullopt;
  }
  return octets;
}

// DER OCTET STRING of the uncompressed point (SEC 1 §2.3.3), whatever form the key came in.
std::optional<Bytes> read_point(const EVP_PKEY* key, std::size_t field_length) {
  const auto x = read_number(key, OSSL_PKEY_PARAM_EC_PUB_X, field_length);
  const auto y = read_number(key, OSSL_PKEY_PARAM_EC_PUB_Y, field_length);
  if (!x || !y) return std::nullopt;
  const std::size_t length = 1 + x->size() + y->size();
  Bytes point{0x04};
  if (length >= 0x80) point.push_back(0x81);
  point.push_back(static_cast<std::uint8_t>(length));
  point.push_back(0x04);
  point.insert(point.end(), x->begin(), x->end());
  point.insert(point.end(), y->begin(), y->end());
  return point;
}

// SHA-1 of what stands in the BIT STRING of the SubjectPublicKeyInfo.
Result<Bytes> identify(const EVP_PKEY* key) {
  std::uint8_t* raw = nullptr;
  const int length = i2d_PublicKey(key, &raw);
  if (length <= 0) return unusable("it cannot be encoded");
  auto identifier = digest_of(DigestAlgorithm::kSha1, {raw, static_cast<std::size_t>(length)});
  OPENSSL_free(raw);
  return identifier;
}

// A key of the provider from the start: a legacy one would be converted, under locks, at first use.
EVP_PKEY* decode(const OpensslCall& call, ByteView spki_der) {
  EVP_PKEY* key = nullptr;
  const Owned<OSSL_DECODER_CTX, OSSL_DECODER_CTX_free> decoder(OSSL_DECODER_CTX_new_for_pkey(
      &key, "DER", "SubjectPublicKeyInfo", nullptr, EVP_PKEY_PUBLIC_KEY, call.context(), nullptr));
  if (decoder == nullptr) return nullptr;
  const std::uint8_t* next = spki_der.data();
  std::size_t left = spki_der.size();
  if (OSSL_DECODER_from_data(decoder.get(), &next, &left) == 1 && left == 0) return key;
  EVP_PKEY_free(key);
  return nullptr;
}

}  // namespace

bool is_one_der_sequence(ByteView der) { return sequence_content(der).has_value(); }

std::optional<KeyKind> PublicKey::kind_of(ByteView spki_der) {
  const auto content = sequence_content(spki_der);
  if (!content) return std::nullopt;
  if (begins_with(*content, kRsaAlgorithm)) return KeyKind::kRsa;
  constexpr std::size_t kHeader = 2;
  if (content->size() < kHeader || !begins_with(content->subspan(kHeader), kEcAlgorithm)) {
    return std::nullopt;
  }
  const ByteView curve = content->subspan(kHeader + kEcAlgorithm.size());
  const auto known = [curve](const Curve& one) { return begins_with(curve, one.oid); };
  return std::ranges::any_of(kCurves, known) ? std::optional(KeyKind::kEc) : std::nullopt;
}

Result<std::shared_ptr<const PublicKey>> PublicKey::parse(ByteView spki_der) {
  const OpensslCall call;
  if (call.context() == nullptr) return out_of_memory();
  const std::shared_ptr<PublicKey> made(new PublicKey);
  made->key_ = decode(call, spki_der);
  if (made->key_ == nullptr) return unusable("not one SubjectPublicKeyInfo in DER");
  made->spki_.assign(spki_der.begin(), spki_der.end());

  if (EVP_PKEY_is_a(made->key_, "RSA") == 1) {
    made->kind_ = KeyKind::kRsa;
    made->bits_ = static_cast<std::size_t>(EVP_PKEY_get_bits(made->key_));
    if (made->bits_ < kFewestRsaBits || made->bits_ > kMostRsaBits) {
      return unusable("RSA of " + std::to_string(made->bits_) + " bits");
    }
    made->signature_length_ = (made->bits_ + 7) / 8;
    auto modulus = read_number(made->key_, OSSL_PKEY_PARAM_RSA_N, 0);
    auto exponent = read_number(made->key_, OSSL_PKEY_PARAM_RSA_E, 0);
    if (!modulus || !exponent) return out_of_memory();
    made->modulus_ = std::move(*modulus);
    made->exponent_ = std::move(*exponent);
  } else if (EVP_PKEY_is_a(made->key_, "EC") == 1) {
    made->kind_ = KeyKind::kEc;
    const Curve* curve = find_curve(made->key_);
    if (curve == nullptr) return unusable("its curve is not P-256, P-384 or P-521");
    made->bits_ = curve->bits;
    const std::size_t field_length = (curve->bits + 7) / 8;  // the order's too, on these curves
    made->signature_length_ = 2 * field_length;
    made->ec_params_.assign(curve->oid.begin(), curve->oid.end());
    auto point = read_point(made->key_, field_length);
    if (!point) return out_of_memory();
    made->ec_point_ = std::move(*point);
  } else {
    return unusable("neither RSA nor EC");
  }

  auto identifier = identify(made->key_);
  if (!identifier) return fail(std::move(identifier.error()));
  made->key_id_ = std::move(*identifier);
  return made;
}

std::optional<Bytes> PublicKey::in_full_length(ByteView signature) const {
  if (signature.size() == signature_length_) return Bytes(signature.begin(), signature.end());
  if (kind_ == KeyKind::kRsa) return std::nullopt;
  return ecdsa::pad(signature, signature_length_);
}

Result<bool> PublicKey::verify(const DigestToSign& what, ByteView signature) const {
  const bool for_rsa = what.scheme != Scheme::kEcdsa;
  if (for_rsa != (kind_ == KeyKind::kRsa)) {
    return fail(CKR_KEY_TYPE_INCONSISTENT, "the scheme is for another type of key");
  }
  if (signature.size() != signature_length_) return false;
  switch (what.scheme) {
    case Scheme::kRsaPkcs1v15:
      return rsa_pkcs1::verify(key_, what, signature);
    case Scheme::kRsaPss:
      return rsa_pss::verify(key_, what, signature);
    case Scheme::kEcdsa:
      break;
  }
  return ecdsa::verify(key_, what, signature);
}

PublicKey::~PublicKey() {
  const OpensslSection section;
  EVP_PKEY_free(key_);
}

}  // namespace sealwright::crypto
