// The table of mechanisms is a promise: exactly these, in whole.
#include <gtest/gtest.h>

#include <vector>

#include "crypto/mechanism.h"

namespace sealwright::crypto {
namespace {

const std::vector<CK_MECHANISM_TYPE> kRsaSignatures{
    CKM_RSA_PKCS,     CKM_SHA256_RSA_PKCS,     CKM_SHA384_RSA_PKCS,     CKM_SHA512_RSA_PKCS,
    CKM_RSA_PKCS_PSS, CKM_SHA256_RSA_PKCS_PSS, CKM_SHA384_RSA_PKCS_PSS, CKM_SHA512_RSA_PKCS_PSS};
const std::vector<CK_MECHANISM_TYPE> kEcSignatures{CKM_ECDSA, CKM_ECDSA_SHA256, CKM_ECDSA_SHA384,
                                                   CKM_ECDSA_SHA512};
const std::vector<CK_MECHANISM_TYPE> kDigests{CKM_SHA_1, CKM_SHA224, CKM_SHA256, CKM_SHA384,
                                              CKM_SHA512};

std::vector<CK_MECHANISM_TYPE> joined(std::vector<CK_MECHANISM_TYPE> first,
                                      const std::vector<CK_MECHANISM_TYPE>& second) {
  first.insert(first.end(), second.begin(), second.end());
  return first;
}

TEST(Mechanisms, of_a_token_are_exactly_its_signatures_and_the_digests) {
  EXPECT_EQ(mechanisms_for(KeyKind::kRsa), joined(kRsaSignatures, kDigests));
  EXPECT_EQ(mechanisms_for(KeyKind::kEc), joined(kEcSignatures, kDigests));
}

TEST(Mechanisms, with_sha1_make_no_signatures) {
  for (const CK_MECHANISM_TYPE type : {CKM_SHA1_RSA_PKCS, CKM_SHA1_RSA_PKCS_PSS, CKM_ECDSA_SHA1,
                                       CKM_SHA224_RSA_PKCS, CKM_ECDSA_SHA224}) {
    EXPECT_EQ(find_mechanism(type), nullptr);
    EXPECT_FALSE(mechanism_info(type, KeyKind::kRsa));
    EXPECT_FALSE(mechanism_info(type, KeyKind::kEc));
  }
}

TEST(Mechanisms, tell_key_sizes_in_bits_and_claim_no_hardware) {
  for (const auto type : kRsaSignatures) {
    const auto info = mechanism_info(type, KeyKind::kRsa);
    ASSERT_TRUE(info);
    EXPECT_EQ(info->ulMinKeySize, 2048U);
    EXPECT_EQ(info->ulMaxKeySize, 4096U);
    EXPECT_EQ(info->flags, CKF_SIGN | CKF_VERIFY);
    EXPECT_FALSE(mechanism_info(type, KeyKind::kEc));
  }
  for (const auto type : kEcSignatures) {
    const auto info = mechanism_info(type, KeyKind::kEc);
    ASSERT_TRUE(info);
    EXPECT_EQ(info->ulMinKeySize, 256U);
    EXPECT_EQ(info->ulMaxKeySize, 521U);
    EXPECT_EQ(info->flags,
              CKF_SIGN | CKF_VERIFY | CKF_EC_F_P | CKF_EC_NAMEDCURVE | CKF_EC_UNCOMPRESS);
    EXPECT_FALSE(mechanism_info(type, KeyKind::kRsa));
  }
  for (const auto type : kDigests) {
    for (const auto kind : {KeyKind::kRsa, KeyKind::kEc}) {
      const auto info = mechanism_info(type, kind);
      ASSERT_TRUE(info);
      EXPECT_EQ(info->ulMinKeySize, 0U);
      EXPECT_EQ(info->ulMaxKeySize, 0U);
      EXPECT_EQ(info->flags, CKF_DIGEST);
    }
  }
}

}  // namespace
}  // namespace sealwright::crypto
