#include "crypto/rsa_pkcs1.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/params.h>

#include <array>
#include <utility>

#include "crypto/key_values.h"
#include "crypto/openssl_call.h"
#include "crypto/public_key.h"

namespace sealwright::crypto::rsa_pkcs1 {
namespace {

constexpr std::size_t kPaddingLength = 11;  // 00 01, eight FF at least, 00

// DER of a DigestInfo of SHA-2 up to the digest (RFC 8017 §9.2, note 1).
constexpr std::size_t kPrefixLength = 19;
std::array<std::uint8_t, kPrefixLength> prefix_of(const HashRow& row) {
  std::array<std::uint8_t, kPrefixLength> prefix{0x30, 0,    0x30, 0x0d, 0x06, 0x09, 0x60,
                                                 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02,
                                                 0,    0x05, 0x00, 0x04, 0};
  constexpr std::size_t kTotal = 1;
  constexpr std::size_t kOidArc = 14;
  prefix[kTotal] = static_cast<std::uint8_t>(kPrefixLength - 2 + row.length);
  prefix[kOidArc] = row.oid_arc;
  prefix.back() = static_cast<std::uint8_t>(row.length);
  return prefix;
}

std::array<OSSL_PARAM, 3> parameters(Hash hash) {
  // OSSL_PARAM takes text to read through a pointer that it could write through.
  auto* padding = const_cast<char*>(OSSL_PKEY_RSA_PAD_MODE_PKCSV15);
  return {OSSL_PARAM_construct_utf8_string(OSSL_SIGNATURE_PARAM_PAD_MODE, padding, 0),
          OSSL_PARAM_construct_utf8_string(OSSL_SIGNATURE_PARAM_DIGEST,
                                           const_cast<char*>(row_of(hash).openssl_name), 0),
          OSSL_PARAM_construct_end()};
}

// Padding is deterministic, so what the signature carries must be the octets that were given,
// padded. Not taken off by OpenSSL, of which newer versions call nothing at all between the padding
// a fault.
Bytes padded(const Bytes& octets, std::size_t size) {
  Bytes whole{0, 1};
  whole.resize(size - octets.size() - 1, 0xff);
  whole.push_back(0);
  whole.insert(whole.end(), octets.begin(), octets.end());
  return whole;
}

Result<bool> carries(EVP_PKEY* key, const Bytes& octets, ByteView signature) {
  if (octets.size() + kPaddingLength > signature.size()) return false;
  const OpensslCall call;
  const PkeyContext context = call.use(key);
  if (context == nullptr) return out_of_memory();
  auto* padding = const_cast<char*>(OSSL_PKEY_RSA_PAD_MODE_NONE);
  const std::array as_it_is{
      OSSL_PARAM_construct_utf8_string(OSSL_SIGNATURE_PARAM_PAD_MODE, padding, 0),
      OSSL_PARAM_construct_end()};
  if (EVP_PKEY_verify_recover_init_ex(context.get(), as_it_is.data()) != 1) {
    return fail(CKR_GENERAL_ERROR, "OpenSSL refused to verify PKCS#1 v1.5");
  }
  Bytes recovered(signature.size());
  std::size_t length = recovered.size();
  if (EVP_PKEY_verify_recover(context.get(), recovered.data(), &length, signature.data(),
                              signature.size()) != 1) {
    return false;
  }
  return length == recovered.size() &&
         CRYPTO_memcmp(recovered.data(), padded(octets, length).data(), length) == 0;
}

Result<DigestToSign> begin(const CK_MECHANISM& mechanism, Hash hash, const PublicKey& /*key*/) {
  return without_parameters(kScheme, mechanism, hash);
}

Result<DigestToSign> from_raw(DigestToSign form, Bytes raw) {
  const HashRow* row =
      raw.size() <= kPrefixLength ? nullptr : signing_hash_of_length(raw.size() - kPrefixLength);
  form.digest = std::move(raw);
  if (row != nullptr && begins_with(form.digest, prefix_of(*row))) {
    form.hash = row->hash;
    form.digest.erase(form.digest.begin(), form.digest.begin() + kPrefixLength);
  }
  return form;
}

Result<bool> verify(EVP_PKEY* key, const DigestToSign& what, ByteView signature) {
  if (what.hash == Hash::kNone) return carries(key, what.digest, signature);
  const OpensslCall call;
  const PkeyContext context = call.use(key);
  if (context == nullptr) return out_of_memory();
  if (EVP_PKEY_verify_init_ex(context.get(), parameters(what.hash).data()) != 1) {
    return fail(CKR_GENERAL_ERROR, "OpenSSL refused to verify PKCS#1 v1.5");
  }
  return EVP_PKEY_verify(context.get(), signature.data(), signature.size(), what.digest.data(),
                         what.digest.size()) == 1;
}

}  // namespace

constinit const Scheme kScheme{
    .name = "rsa-pkcs1v15",
    .signs_message = false,
    .has_encodings = false,
    .begin = begin,
    .capacity = [](const DigestToSign&,
                   const PublicKey& key) { return key.signature_length() - kPaddingLength; },
    .from_raw = from_raw,
    .verify = verify,
};

}  // namespace sealwright::crypto::rsa_pkcs1
