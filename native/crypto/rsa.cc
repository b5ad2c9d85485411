// RSA keys (RFC 3279 §2.3.1; PKCS#11 v2.40 mechanisms §2.1).
#include <openssl/core_names.h>

#include <algorithm>

#include "crypto/der.h"
#include "crypto/key_kind.h"
#include "crypto/key_values.h"
#include "crypto/rsa_pkcs1.h"
#include "crypto/rsa_pss.h"

namespace sealwright::crypto {
namespace {

constexpr std::size_t kFewestBits = 2048;
constexpr std::size_t kMostBits = 4096;

constexpr std::array kMechanisms{
    SignatureMechanism{CKM_RSA_PKCS, &rsa_pkcs1::kScheme, Hash::kNone},
    SignatureMechanism{CKM_SHA256_RSA_PKCS, &rsa_pkcs1::kScheme, Hash::kSha256},
    SignatureMechanism{CKM_SHA384_RSA_PKCS, &rsa_pkcs1::kScheme, Hash::kSha384},
    SignatureMechanism{CKM_SHA512_RSA_PKCS, &rsa_pkcs1::kScheme, Hash::kSha512},
    SignatureMechanism{CKM_RSA_PKCS_PSS, &rsa_pss::kScheme, Hash::kNone},
    SignatureMechanism{CKM_SHA256_RSA_PKCS_PSS, &rsa_pss::kScheme, Hash::kSha256},
    SignatureMechanism{CKM_SHA384_RSA_PKCS_PSS, &rsa_pss::kScheme, Hash::kSha384},
    SignatureMechanism{CKM_SHA512_RSA_PKCS_PSS, &rsa_pss::kScheme, Hash::kSha512},
};

// Mechanisms §2.1.3 RSA private key objects.
constexpr std::array kSecrets{CKA_PRIVATE_EXPONENT, CKA_PRIME_1,    CKA_PRIME_2,
                              CKA_EXPONENT_1,       CKA_EXPONENT_2, CKA_COEFFICIENT};

// DER of the AlgorithmIdentifier.
constexpr std::array<std::uint8_t, 15> kAlgorithm{0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86,
                                                  0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00};

Result<KeyValues> read(const EVP_PKEY* key) {
  KeyValues values;
  values.bits = static_cast<std::size_t>(EVP_PKEY_get_bits(key));
  if (values.bits < kFewestBits || values.bits > kMostBits) {
    return unusable_key("RSA of " + std::to_string(values.bits) + " bits");
  }
  values.signature_length = (values.bits + 7) / 8;
  auto modulus = read_number(key, OSSL_PKEY_PARAM_RSA_N);
  auto exponent = read_number(key, OSSL_PKEY_PARAM_RSA_E);
  auto encoded = encode_by_type(key);
  if (!modulus || !exponent || !encoded) return out_of_memory();
  values.encoded = std::move(*encoded);
  values.attributes = {{CKA_MODULUS, std::move(*modulus)},
                       {CKA_PUBLIC_EXPONENT, std::move(*exponent)},
                       {CKA_MODULUS_BITS, number_octets(values.bits), false}};
  return values;
}

Result<Bytes> spki_of(ByteView modulus, ByteView exponent) {
  const auto is_odd = [](ByteView number) { return !number.empty() && number.back() % 2 == 1; };
  const auto is_one = [](ByteView number) {
    return number.back() == 1 && std::ranges::count(number, 0) + 1 == std::ssize(number);
  };
  if (!is_odd(modulus) || !is_odd(exponent) || is_one(exponent)) {
    return no_such_key("an RSA key has an odd modulus and an odd exponent above 1");
  }
  const Bytes key = der::sequence(der::joined({der::integer(modulus), der::integer(exponent)}));
  return der::spki(kAlgorithm, key);
}

}  // namespace

constinit const KeyKind kRsa{
    .openssl_name = "RSA",
    .type = CKK_RSA,
    .generation = CKM_RSA_PKCS_KEY_PAIR_GEN,
    .mechanisms = kMechanisms,
    .fewest_bits = kFewestBits,
    .most_bits = kMostBits,
    .flags = 0,
    .secrets = kSecrets,
    .begins = [](ByteView content) { return begins_with(content, kAlgorithm); },
    .read = read,
    .parts = {CKA_MODULUS, CKA_PUBLIC_EXPONENT},
    .spki = spki_of,
    .lengthen = nullptr,
};

}  // namespace sealwright::crypto
