// EC keys on the curves of FIPS 186-4 (RFC 5480 §2; PKCS#11 v2.40 mechanisms §2.3).
#include <openssl/core_names.h>

#include <algorithm>

#include "crypto/der.h"
#include "crypto/ecdsa.h"
#include "crypto/key_kind.h"
#include "crypto/key_values.h"

namespace sealwright::crypto {
namespace {

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

constexpr std::array kMechanisms{
    SignatureMechanism{CKM_ECDSA, &ecdsa::kScheme, Hash::kNone},
    SignatureMechanism{CKM_ECDSA_SHA256, &ecdsa::kScheme, Hash::kSha256},
    SignatureMechanism{CKM_ECDSA_SHA384, &ecdsa::kScheme, Hash::kSha384},
    SignatureMechanism{CKM_ECDSA_SHA512, &ecdsa::kScheme, Hash::kSha512},
};

// Mechanisms §2.3.4 ECDSA private key objects.
constexpr std::array kSecrets{CKA_VALUE};

// DER of the AlgorithmIdentifier, after its header, up to the curve's OID.
constexpr std::array<std::uint8_t, 9> kAlgorithm{0x06, 0x07, 0x2a, 0x86, 0x48,
                                                 0xce, 0x3d, 0x02, 0x01};

bool begins(ByteView content) {
  constexpr std::size_t kHeader = 2;
  if (content.size() < kHeader || !begins_with(content.subspan(kHeader), kAlgorithm)) return false;
  const ByteView curve = content.subspan(kHeader + kAlgorithm.size());
  return std::ranges::any_of(kCurves,
                             [curve](const Curve& one) { return begins_with(curve, one.oid); });
}

const Curve* find_curve(const EVP_PKEY* key) {
  std::array<char, 32> name{};
  if (EVP_PKEY_get_group_name(key, name.data(), name.size(), nullptr) != 1) return nullptr;
  for (const Curve& curve : kCurves) {
    if (curve.name == name.data()) return &curve;
  }
  return nullptr;
}

// The uncompressed point (SEC 1 §2.3.3), whatever form the key came in.
std::optional<Bytes> read_point(const EVP_PKEY* key, std::size_t field_length) {
  const auto x = read_number(key, OSSL_PKEY_PARAM_EC_PUB_X, field_length);
  const auto y = read_number(key, OSSL_PKEY_PARAM_EC_PUB_Y, field_length);
  if (!x || !y) return std::nullopt;
  Bytes point{0x04};
  point.insert(point.end(), x->begin(), x->end());
  point.insert(point.end(), y->begin(), y->end());
  return point;
}

Result<KeyValues> read(const EVP_PKEY* key) {
  const Curve* curve = find_curve(key);
  if (curve == nullptr) return unusable_key("its curve is not P-256, P-384 or P-521");
  const std::size_t field_length = (curve->bits + 7) / 8;  // the order's too, on these curves
  const auto point = read_point(key, field_length);
  auto encoded = encode_by_type(key);
  if (!point || !encoded) return out_of_memory();
  KeyValues values;
  values.bits = curve->bits;
  values.signature_length = 2 * field_length;
  values.encoded = std::move(*encoded);
  values.attributes = {{CKA_EC_PARAMS, Bytes(curve->oid.begin(), curve->oid.end())},
                       {CKA_EC_POINT, der::octet_string(*point)}};
  return values;
}

// The standard wraps the point in an OCTET STRING; some programs do not. A point has one of two
// lengths (SEC 1 §2.3.3), which no wrapped one has.
Result<Bytes> spki_of(ByteView params, ByteView point) {
  constexpr std::uint8_t kObjectIdentifier = 0x06;
  if (params.empty() || params.front() != kObjectIdentifier) {
    return fail(CKR_DOMAIN_PARAMS_INVALID, "a curve goes by its OBJECT IDENTIFIER");
  }
  const auto* const curve = std::ranges::find_if(
      kCurves, [params](const Curve& one) { return std::ranges::equal(params, one.oid); });
  if (curve == kCurves.end()) return fail(CKR_CURVE_NOT_SUPPORTED, "a curve that is not known");
  const std::size_t field_length = (curve->bits + 7) / 8;
  const bool is_bare = point.size() == 1 + field_length || point.size() == 1 + 2 * field_length;
  const auto content = is_bare ? point : der::octet_string_content(point);
  if (!content) return no_such_key("a point of another length than its curve's");
  return der::spki(der::sequence(der::joined({kAlgorithm, curve->oid})), *content);
}

}  // namespace

constinit const KeyKind kEc{
    .openssl_name = "EC",
    .type = CKK_EC,
    .generation = CKM_EC_KEY_PAIR_GEN,
    .mechanisms = kMechanisms,
    .fewest_bits = kCurves.front().bits,
    .most_bits = kCurves.back().bits,
    .flags = CKF_EC_F_P | CKF_EC_NAMEDCURVE | CKF_EC_UNCOMPRESS,
    .secrets = kSecrets,
    .begins = begins,
    .read = read,
    .parts = {CKA_EC_PARAMS, CKA_EC_POINT},
    .spki = spki_of,
    .lengthen = ecdsa::lengthen,
};

}  // namespace sealwright::crypto
