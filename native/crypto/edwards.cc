// Ed25519 keys and their signatures, which are of messages (RFC 8032 §5.1, RFC 8410; PKCS#11 v3.0
// mechanisms §2.3.5, §2.3.14).
#include <algorithm>

#include "crypto/der.h"
#include "crypto/key_kind.h"
#include "crypto/key_values.h"
#include "crypto/scheme.h"

namespace sealwright::crypto {
namespace {

constexpr std::size_t kKeyLength = 32;
constexpr std::size_t kSignatureLength = 64;
constexpr std::size_t kBits = 255;
constexpr std::size_t kLongestMessage = 65'536;  // octets that the control plane takes

Result<DigestToSign> begin(const CK_MECHANISM& mechanism, Hash hash, const PublicKey& key);

Result<bool> verify(EVP_PKEY* key, const DigestToSign& what, ByteView signature) {
  const OpensslCall call;
  const Owned<EVP_MD_CTX, EVP_MD_CTX_free> context(EVP_MD_CTX_new());
  if (context == nullptr || call.context() == nullptr) return out_of_memory();
  if (EVP_DigestVerifyInit_ex(context.get(), nullptr, nullptr, call.context(), nullptr, key,
                              nullptr) != 1) {
    return fail(CKR_GENERAL_ERROR, "OpenSSL refused to verify Ed25519");
  }
  return EVP_DigestVerify(context.get(), signature.data(), signature.size(), what.digest.data(),
                          what.digest.size()) == 1;
}

constexpr Scheme kEd25519{
    .name = "ed25519",
    .signs_message = true,
    .has_encodings = false,
    .begin = begin,
    .capacity = [](const DigestToSign&, const PublicKey&) { return kLongestMessage; },
    .from_raw = [](DigestToSign form, Bytes raw) -> Result<DigestToSign> {
      form.digest = std::move(raw);
      return form;
    },
    .verify = verify,
};

// Parameters would ask for Ed25519ctx or Ed25519ph: other signatures.
Result<DigestToSign> begin(const CK_MECHANISM& mechanism, Hash hash, const PublicKey& /*key*/) {
  return without_parameters(kEd25519, mechanism, hash);
}

constexpr std::array kMechanisms{SignatureMechanism{CKM_EDDSA, &kEd25519, Hash::kNone}};

constexpr std::array kSecrets{CKA_VALUE};

// DER of the AlgorithmIdentifier, and of the curve's name as PKCS#11 has it.
constexpr std::array<std::uint8_t, 7> kAlgorithm{0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70};
constexpr std::array<std::uint8_t, 5> kCurveIdentifier{0x06, 0x03, 0x2b, 0x65, 0x70};
constexpr std::array<std::uint8_t, 14> kCurve{0x13, 0x0c, 'e', 'd', 'w', 'a', 'r',
                                              'd',  's',  '2', '5', '5', '1', '9'};

Result<KeyValues> read(const EVP_PKEY* key) {
  KeyValues values;
  values.bits = kBits;
  values.signature_length = kSignatureLength;
  values.encoded.resize(kKeyLength);
  std::size_t length = kKeyLength;
  if (EVP_PKEY_get_raw_public_key(key, values.encoded.data(), &length) != 1 ||
      length != kKeyLength) {
    return unusable_key("it cannot be encoded");
  }
  values.attributes = {{CKA_EC_PARAMS, Bytes(kCurve.begin(), kCurve.end())},
                       {CKA_EC_POINT, der::octet_string(values.encoded)}};
  return values;
}

// A curve goes by its name or its OBJECT IDENTIFIER, a point comes in an OCTET STRING or without.
Result<Bytes> spki_of(ByteView params, ByteView point) {
  if (!std::ranges::equal(params, kCurve) && !std::ranges::equal(params, kCurveIdentifier)) {
    return fail(CKR_CURVE_NOT_SUPPORTED, "a curve that is not Ed25519");
  }
  const auto content = point.size() == kKeyLength ? point : der::octet_string_content(point);
  if (!content || content->size() != kKeyLength) return no_such_key("a point of another length");
  return der::spki(kAlgorithm, *content);
}

}  // namespace

constinit const KeyKind kEdwards{
    .openssl_name = "ED25519",
    .type = CKK_EC_EDWARDS,
    .generation = CKM_EC_EDWARDS_KEY_PAIR_GEN,
    .mechanisms = kMechanisms,
    .fewest_bits = kBits,
    .most_bits = kBits,
    .flags = CKF_EC_NAMEDCURVE,
    .secrets = kSecrets,
    .begins = [](ByteView content) { return begins_with(content, kAlgorithm); },
    .read = read,
    .parts = {CKA_EC_PARAMS, CKA_EC_POINT},
    .spki = spki_of,
    .lengthen = nullptr,
};

}  // namespace sealwright::crypto
