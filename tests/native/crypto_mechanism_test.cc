// The table of mechanisms is a promise: exactly these, in whole.
#include <gtest/gtest.h>

#include <vector>

#include "crypto/mechanism.h"
#include "crypto/scheme.h"

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

std::vector<const KeyKind*> kind(const KeyKind& one) { return {&one}; }

TEST(Mechanisms, of_a_token_are_exactly_its_signatures_and_the_digests) {
  EXPECT_EQ(mechanisms_for(kind(kRsa)), joined(kRsaSignatures, kDigests));
  EXPECT_EQ(mechanisms_for(kind(kEc)), joined(kEcSignatures, kDigests));
  EXPECT_EQ(mechanisms_for(kind(kEdwards)), joined({CKM_EDDSA}, kDigests));
}

TEST(Mechanisms, of_a_key_that_is_not_known_yet_are_those_of_all_kinds_each_once) {
  auto all = mechanisms_for(kKeyKinds);
  EXPECT_EQ(all, joined(joined(joined(kRsaSignatures, kEcSignatures), {CKM_EDDSA}), kDigests));
  for (const CK_MECHANISM_TYPE type : all) EXPECT_TRUE(mechanism_info(type, kKeyKinds)) << type;
}

TEST(Mechanisms, belong_to_one_kind_of_key_and_name_scheme_and_hash) {
  for (const KeyKind* one : kKeyKinds) {
    for (const SignatureMechanism& mechanism : one->mechanisms) {
      EXPECT_EQ(find_signature_mechanism(mechanism.type), &mechanism);
      EXPECT_FALSE(mechanism.scheme->name.empty());
      EXPECT_FALSE(row_of(mechanism.hash).name.empty()) << "a hash that signs";
    }
  }
}

TEST(Hashes, are_found_by_each_of_their_names) {
  for (const Hash hash : {Hash::kSha256, Hash::kSha384, Hash::kSha512}) {
    const HashRow& row = row_of(hash);
    EXPECT_EQ(row.hash, hash);
    EXPECT_EQ(signing_hash_of_mechanism(row.mechanism), &row);
    EXPECT_EQ(signing_hash_of_mgf(row.mgf), &row);
    EXPECT_EQ(signing_hash_of_length(row.length), &row);
    EXPECT_EQ(digest_of_mechanism(row.mechanism), &row);
  }
  for (const Hash hash : {Hash::kNone, Hash::kSha1, Hash::kSha224}) {
    const HashRow& row = row_of(hash);
    EXPECT_EQ(row.hash, hash);
    EXPECT_EQ(signing_hash_of_mechanism(row.mechanism), nullptr);
    EXPECT_EQ(signing_hash_of_mgf(row.mgf), nullptr);
    EXPECT_EQ(signing_hash_of_length(row.length), nullptr);
  }
  EXPECT_EQ(digest_of_mechanism(CKM_SHA_1), &row_of(Hash::kSha1));
  EXPECT_EQ(digest_of_mechanism(0), nullptr);
}

TEST(Mechanisms, with_sha1_make_no_signatures) {
  for (const CK_MECHANISM_TYPE type : {CKM_SHA1_RSA_PKCS, CKM_SHA1_RSA_PKCS_PSS, CKM_ECDSA_SHA1,
                                       CKM_SHA224_RSA_PKCS, CKM_ECDSA_SHA224}) {
    EXPECT_EQ(find_signature_mechanism(type), nullptr);
    EXPECT_FALSE(mechanism_info(type, kind(kRsa)));
    EXPECT_FALSE(mechanism_info(type, kind(kEc)));
  }
}

TEST(Mechanisms, tell_key_sizes_in_bits_and_claim_no_hardware) {
  for (const auto type : kRsaSignatures) {
    const auto info = mechanism_info(type, kind(kRsa));
    ASSERT_TRUE(info);
    EXPECT_EQ(info->ulMinKeySize, 2048U);
    EXPECT_EQ(info->ulMaxKeySize, 4096U);
    EXPECT_EQ(info->flags, CKF_SIGN | CKF_VERIFY);
    EXPECT_FALSE(mechanism_info(type, kind(kEc)));
  }
  for (const auto type : kEcSignatures) {
    const auto info = mechanism_info(type, kind(kEc));
    ASSERT_TRUE(info);
    EXPECT_EQ(info->ulMinKeySize, 256U);
    EXPECT_EQ(info->ulMaxKeySize, 521U);
    EXPECT_EQ(info->flags,
              CKF_SIGN | CKF_VERIFY | CKF_EC_F_P | CKF_EC_NAMEDCURVE | CKF_EC_UNCOMPRESS);
    EXPECT_FALSE(mechanism_info(type, kind(kRsa)));
  }
  for (const auto type : kDigests) {
    for (const KeyKind* one : kKeyKinds) {
      const auto info = mechanism_info(type, kind(*one));
      ASSERT_TRUE(info);
      EXPECT_EQ(info->ulMinKeySize, 0U);
      EXPECT_EQ(info->ulMaxKeySize, 0U);
      EXPECT_EQ(info->flags, CKF_DIGEST);
    }
  }
}

}  // namespace
}  // namespace sealwright::crypto
