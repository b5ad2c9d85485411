#include "crypto/rsa_pkcs1.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/params.h>

#include <algorithm>
#include <array>
#include <utility>

#include "crypto/hash.h"
#include "crypto/openssl_call.h"

namespace sealwright::crypto::rsa_pkcs1 {
namespace {

constexpr std::size_t kPaddingLength = 11;  // 00 01, eight FF at least, 00

// DER of a DigestInfo up to the digest: RFC 8017 §9.2, note 1.
using Prefix = std::array<std::uint8_t, 19>;
constexpr Prefix prefix(std::uint8_t total, std::uint8_t oid_arc, std::uint8_t digest) {
  return {0x30, total, 0x30, 0x0d, 0x06,    0x09, 0x60, 0x86, 0x48,  0x01,
          0x65, 0x03,  0x04, 0x02, oid_arc, 0x05, 0x00, 0x04, digest};
}
struct DigestInfo {
  Hash hash;
  Prefix prefix;
};
constexpr std::array kDigestInfos{
    DigestInfo{Hash::kSha256, prefix(0x31, 0x01, 0x20)},
    DigestInfo{Hash::kSha384, prefix(0x41, 0x02, 0x30)},
    DigestInfo{Hash::kSha512, prefix(0x51, 0x03, 0x40)},
};

std::array<OSSL_PARAM, 3> parameters(Hash hash) {
  // OSSL_PARAM takes text to read through a pointer that it could write through.
  auto* padding = const_cast<char*>(OSSL_PKEY_RSA_PAD_MODE_PKCSV15);
  if (hash == Hash::kNone) {
    return {OSSL_PARAM_construct_utf8_string(OSSL_SIGNATURE_PARAM_PAD_MODE, padding, 0),
            OSSL_PARAM_construct_end(), OSSL_PARAM_construct_end()};
  }
  return {OSSL_PARAM_construct_utf8_string(OSSL_SIGNATURE_PARAM_PAD_MODE, padding, 0),
          OSSL_PARAM_construct_utf8_string(OSSL_SIGNATURE_PARAM_DIGEST,
                                           const_cast<char*>(openssl_name(hash)), 0),
          OSSL_PARAM_construct_end()};
}

// Padding is deterministic, so the octets that the signature carries must be those that were given.
Result<bool> carries(EVP_PKEY* key, const Bytes& octets, ByteView signature) {
  const OpensslCall call;
  const PkeyContext context = call.use(key);
  if (context == nullptr) return out_of_memory();
  if (EVP_PKEY_verify_recover_init_ex(context.get(), parameters(Hash::kNone).data()) != 1) {
    return fail(CKR_GENERAL_ERROR, "OpenSSL refused to verify PKCS#1 v1.5");
  }
  Bytes recovered(signature.size());
  std::size_t length = recovered.size();
  if (EVP_PKEY_verify_recover(context.get(), recovered.data(), &length, signature.data(),
                              signature.size()) != 1) {
    return false;
  }
  return length == octets.size() && CRYPTO_memcmp(recovered.data(), octets.data(), length) == 0;
}

}  // namespace

std::size_t capacity(std::size_t modulus_length) { return modulus_length - kPaddingLength; }

DigestToSign from_raw(Bytes raw) {
  const auto start = raw.begin();
  for (const DigestInfo& info : kDigestInfos) {
    if (raw.size() == info.prefix.size() + hash_length(info.hash) &&
        std::ranges::equal(info.prefix, std::span(raw).first(info.prefix.size()))) {
      raw.erase(start, start + static_cast<std::ptrdiff_t>(info.prefix.size()));
      return {Scheme::kRsaPkcs1v15, info.hash, std::move(raw), std::nullopt};
    }
  }
  return {Scheme::kRsaPkcs1v15, Hash::kNone, std::move(raw), std::nullopt};
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

}  // namespace sealwright::crypto::rsa_pkcs1
