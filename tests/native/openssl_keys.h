// Private keys for tests, made and used with plain OpenSSL: the other side of what is tested.
#pragma once

#include <gtest/gtest.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "base/bytes.h"
#include "base/openssl.h"
#include "crypto/openssl_call.h"
#include "crypto/public_key.h"

namespace sealwright::test {

using Key = std::shared_ptr<EVP_PKEY>;

inline Key hold(EVP_PKEY* key) {
  EXPECT_NE(key, nullptr);
  return {key, EVP_PKEY_free};
}
inline Key make_rsa(std::size_t bits) {
  return hold(EVP_PKEY_Q_keygen(openssl_context(), nullptr, "RSA", bits));
}
inline Key make_ec(const char* curve) {
  return hold(EVP_PKEY_Q_keygen(openssl_context(), nullptr, "EC", curve));
}

inline Key make(const char* type) {
  return hold(EVP_PKEY_Q_keygen(openssl_context(), nullptr, type));
}

inline Bytes spki_of(const Key& key) {
  Bytes der(static_cast<std::size_t>(i2d_PUBKEY(key.get(), nullptr)));
  std::uint8_t* end = der.data();
  i2d_PUBKEY(key.get(), &end);
  return der;
}

inline std::shared_ptr<const crypto::PublicKey> public_part(const Key& key) {
  auto parsed = crypto::PublicKey::parse(spki_of(key));
  EXPECT_TRUE(parsed) << (parsed ? "" : parsed.error().message);
  return parsed.value_or(nullptr);
}

struct Pss {
  const char* mgf_hash;
  int salt_length;
};

inline void set_pss(EVP_PKEY_CTX* context, const Pss& pss) {
  EXPECT_EQ(EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING), 1);
  EXPECT_EQ(EVP_PKEY_CTX_set_rsa_mgf1_md_name(context, pss.mgf_hash, nullptr), 1);
  EXPECT_EQ(EVP_PKEY_CTX_set_rsa_pss_saltlen(context, pss.salt_length), 1);
}

// OpenSSL's own signature over `data`: PKCS#1 v1.5, PSS where asked for, or ECDSA in DER.
inline Bytes sign_data(const Key& key, const char* hash, ByteView data, const Pss* pss = nullptr) {
  const crypto::Owned<EVP_MD_CTX, EVP_MD_CTX_free> context(EVP_MD_CTX_new());
  EVP_PKEY_CTX* parameters = nullptr;
  EXPECT_EQ(EVP_DigestSignInit_ex(context.get(), &parameters, hash, openssl_context(), nullptr,
                                  key.get(), nullptr),
            1);
  if (pss != nullptr) set_pss(parameters, *pss);
  Bytes signature(static_cast<std::size_t>(EVP_PKEY_get_size(key.get())));
  std::size_t length = signature.size();
  EXPECT_EQ(EVP_DigestSign(context.get(), signature.data(), &length, data.data(), data.size()), 1);
  signature.resize(length);
  return signature;
}

// OpenSSL's own signature over these very octets: PKCS#1 v1.5 padding, or ECDSA in DER.
inline Bytes sign_octets(const Key& key, ByteView octets) {
  const crypto::PkeyContext context(
      EVP_PKEY_CTX_new_from_pkey(openssl_context(), key.get(), nullptr));
  EXPECT_EQ(EVP_PKEY_sign_init(context.get()), 1);
  Bytes signature(static_cast<std::size_t>(EVP_PKEY_get_size(key.get())));
  std::size_t length = signature.size();
  EXPECT_EQ(EVP_PKEY_sign(context.get(), signature.data(), &length, octets.data(), octets.size()),
            1);
  signature.resize(length);
  return signature;
}

// ECDSA from DER to r‖s, each `half` octets.
inline Bytes to_p1363(ByteView der, std::size_t half) {
  const std::uint8_t* next = der.data();
  const crypto::Owned<ECDSA_SIG, ECDSA_SIG_free> pair(
      d2i_ECDSA_SIG(nullptr, &next, static_cast<long>(der.size())));
  Bytes joined(2 * half);
  EXPECT_GE(BN_bn2binpad(ECDSA_SIG_get0_r(pair.get()), joined.data(), static_cast<int>(half)), 0);
  EXPECT_GE(
      BN_bn2binpad(ECDSA_SIG_get0_s(pair.get()), joined.data() + half, static_cast<int>(half)), 0);
  return joined;
}

}  // namespace sealwright::test
