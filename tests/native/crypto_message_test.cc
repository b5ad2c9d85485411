// From a tool's bytes to the digest that goes to the service: parameters, lengths, DigestInfo.
#include <gtest/gtest.h>

#include <array>
#include <cstring>

#include "crypto/ecdsa.h"
#include "crypto/message.h"
#include "crypto/rsa_pkcs1.h"
#include "crypto/rsa_pss.h"
#include "openssl_keys.h"

namespace sealwright::crypto {
namespace {

class MessageTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    rsa() = test::public_part(test::make_rsa(2048));
    ec() = test::public_part(test::make_ec("P-256"));
  }
  static void TearDownTestSuite() {
    rsa().reset();
    ec().reset();
  }
  static std::shared_ptr<const PublicKey>& rsa() {
    static std::shared_ptr<const PublicKey> key;
    return key;
  }
  static std::shared_ptr<const PublicKey>& ec() {
    static std::shared_ptr<const PublicKey> key;
    return key;
  }

  static CK_RV start_error(const CK_MECHANISM& mechanism, const PublicKey& key) {
    const auto started = Message::start(mechanism, key);
    return started ? CKR_OK : started.error().rv;
  }
  static Result<DigestToSign> run(const CK_MECHANISM& mechanism, const PublicKey& key,
                                  ByteView data) {
    auto message = Message::start(mechanism, key);
    if (!message) return fail(message.error());
    if (auto updated = (*message)->update(data); !updated) return fail(updated.error());
    return (*message)->finish();
  }
  static CK_RV run_error(const CK_MECHANISM& mechanism, const PublicKey& key, ByteView data) {
    const auto done = run(mechanism, key, data);
    return done ? CKR_OK : done.error().rv;
  }
};

CK_MECHANISM plain(CK_MECHANISM_TYPE type) { return {type, nullptr, 0}; }
CK_MECHANISM with(CK_MECHANISM_TYPE type, CK_RSA_PKCS_PSS_PARAMS& parameters) {
  return {type, &parameters, sizeof(parameters)};
}

Bytes digest_info(std::initializer_list<std::uint8_t> prefix, std::size_t digest_length) {
  Bytes bytes(prefix);
  bytes.insert(bytes.end(), digest_length, 0xab);
  return bytes;
}
Bytes sha256_info() {
  return digest_info({0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04,
                      0x02, 0x01, 0x05, 0x00, 0x04, 0x20},
                     32);
}

TEST_F(MessageTest, of_a_hash_mechanism_is_its_digest_whatever_the_parts) {
  auto message = Message::start(plain(CKM_SHA256_RSA_PKCS), *rsa());
  ASSERT_TRUE(message);
  for (const auto* part : {"a", "", "bc"}) ASSERT_TRUE((*message)->update(as_bytes(part)));
  const auto done = (*message)->finish();
  ASSERT_TRUE(done);
  EXPECT_EQ(done->scheme, &rsa_pkcs1::kScheme);
  EXPECT_EQ(done->hash, Hash::kSha256);
  EXPECT_EQ(to_hex(done->digest),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_FALSE(done->pss);
}

TEST_F(MessageTest, of_rsa_pkcs_names_the_hash_of_an_exact_digest_info) {
  const auto sha256 = run(plain(CKM_RSA_PKCS), *rsa(), sha256_info());
  ASSERT_TRUE(sha256);
  EXPECT_EQ(sha256->hash, Hash::kSha256);
  EXPECT_EQ(sha256->digest, Bytes(32, 0xab));

  const auto sha384 = run(plain(CKM_RSA_PKCS), *rsa(),
                          digest_info({0x30, 0x41, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01,
                                       0x65, 0x03, 0x04, 0x02, 0x02, 0x05, 0x00, 0x04, 0x30},
                                      48));
  ASSERT_TRUE(sha384);
  EXPECT_EQ(sha384->hash, Hash::kSha384);
  EXPECT_EQ(sha384->digest.size(), 48U);

  const auto sha512 = run(plain(CKM_RSA_PKCS), *rsa(),
                          digest_info({0x30, 0x51, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01,
                                       0x65, 0x03, 0x04, 0x02, 0x03, 0x05, 0x00, 0x04, 0x40},
                                      64));
  ASSERT_TRUE(sha512);
  EXPECT_EQ(sha512->hash, Hash::kSha512);
  EXPECT_EQ(sha512->digest.size(), 64U);
}

TEST_F(MessageTest, of_rsa_pkcs_passes_near_misses_of_a_digest_info_on_as_they_are) {
  Bytes longer = sha256_info();
  longer.push_back(0);
  Bytes shorter = sha256_info();
  shorter.pop_back();
  Bytes other_oid = sha256_info();
  other_oid[14] = 0x04;  // SHA-224 with the length of SHA-256
  Bytes wrong_length = sha256_info();
  wrong_length[18] = 0x1f;
  const Bytes without_null = digest_info({0x30, 0x2f, 0x30, 0x0b, 0x06, 0x09, 0x60, 0x86, 0x48,
                                          0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x04, 0x20},
                                         32);
  const Bytes sha1 = digest_info(
      {0x30, 0x21, 0x30, 0x09, 0x06, 0x05, 0x2b, 0x0e, 0x03, 0x02, 0x1a, 0x05, 0x00, 0x04, 0x14},
      20);
  for (const Bytes& given :
       {longer, shorter, other_oid, wrong_length, without_null, sha1, Bytes(32, 1), Bytes{7}}) {
    const auto done = run(plain(CKM_RSA_PKCS), *rsa(), given);
    ASSERT_TRUE(done);
    EXPECT_EQ(done->hash, Hash::kNone);
    EXPECT_EQ(done->digest, given);
  }
}

TEST_F(MessageTest, of_rsa_pkcs_leaves_room_for_eleven_octets_of_padding) {
  EXPECT_EQ(run_error(plain(CKM_RSA_PKCS), *rsa(), Bytes(245, 1)), CKR_OK);
  EXPECT_EQ(run_error(plain(CKM_RSA_PKCS), *rsa(), Bytes(246, 1)), CKR_DATA_LEN_RANGE);
}

TEST_F(MessageTest, of_ecdsa_takes_one_to_sixty_four_octets) {
  const std::array<std::pair<std::size_t, Hash>, 8> lengths{{{1, Hash::kNone},
                                                             {20, Hash::kNone},
                                                             {31, Hash::kNone},
                                                             {32, Hash::kSha256},
                                                             {33, Hash::kNone},
                                                             {48, Hash::kSha384},
                                                             {63, Hash::kNone},
                                                             {64, Hash::kSha512}}};
  for (const auto& [length, hash] : lengths) {
    const auto done = run(plain(CKM_ECDSA), *ec(), Bytes(length, 9));
    ASSERT_TRUE(done) << length;
    EXPECT_EQ(done->scheme, &ecdsa::kScheme);
    EXPECT_EQ(done->hash, hash) << length;
    EXPECT_EQ(done->digest, Bytes(length, 9));
  }
  EXPECT_EQ(run_error(plain(CKM_ECDSA), *ec(), {}), CKR_DATA_LEN_RANGE);
  EXPECT_EQ(run_error(plain(CKM_ECDSA), *ec(), Bytes(65, 9)), CKR_DATA_LEN_RANGE);
}

TEST_F(MessageTest, of_a_raw_mechanism_may_come_in_parts_up_to_its_bound) {
  auto message = Message::start(plain(CKM_ECDSA), *ec());
  ASSERT_TRUE(message);
  ASSERT_TRUE((*message)->update(Bytes(16, 1)));
  ASSERT_TRUE((*message)->update(Bytes(16, 2)));
  const auto done = (*message)->finish();
  ASSERT_TRUE(done);
  EXPECT_EQ(done->hash, Hash::kSha256);

  auto bounded = Message::start(plain(CKM_ECDSA), *ec());
  ASSERT_TRUE((*bounded)->update(Bytes(64, 1)));
  const auto refused = (*bounded)->update(Bytes(1, 1));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().rv, CKR_DATA_LEN_RANGE);
}

TEST_F(MessageTest, of_pss_carries_the_parameters_and_wants_a_whole_digest) {
  CK_RSA_PKCS_PSS_PARAMS parameters{CKM_SHA384, CKG_MGF1_SHA256, 20};
  const auto done = run(with(CKM_RSA_PKCS_PSS, parameters), *rsa(), Bytes(48, 3));
  ASSERT_TRUE(done);
  EXPECT_EQ(done->scheme, &rsa_pss::kScheme);
  EXPECT_EQ(done->hash, Hash::kSha384);
  EXPECT_EQ(done->digest, Bytes(48, 3));
  ASSERT_TRUE(done->pss);
  EXPECT_EQ(done->pss->mgf_hash, Hash::kSha256);
  EXPECT_EQ(done->pss->salt_length, 20U);
  EXPECT_EQ(run_error(with(CKM_RSA_PKCS_PSS, parameters), *rsa(), Bytes(47, 3)),
            CKR_DATA_LEN_RANGE);
  EXPECT_EQ(run_error(with(CKM_RSA_PKCS_PSS, parameters), *rsa(), Bytes(49, 3)),
            CKR_DATA_LEN_RANGE);
}

TEST_F(MessageTest, of_pss_refuses_parameters_that_make_no_sense) {
  const auto error = [](CK_RSA_PKCS_PSS_PARAMS parameters,
                        CK_MECHANISM_TYPE type = CKM_RSA_PKCS_PSS) {
    return start_error(with(type, parameters), *rsa());
  };
  // 2048 bits: emLen 256, so 256 - 32 - 2 octets of salt at most with SHA-256.
  EXPECT_EQ(error({CKM_SHA256, CKG_MGF1_SHA256, 0}), CKR_OK);
  EXPECT_EQ(error({CKM_SHA256, CKG_MGF1_SHA256, 222}), CKR_OK);
  EXPECT_EQ(error({CKM_SHA256, CKG_MGF1_SHA256, 223}), CKR_MECHANISM_PARAM_INVALID);
  EXPECT_EQ(error({CKM_SHA256, CKG_MGF1_SHA256, ~0UL}), CKR_MECHANISM_PARAM_INVALID);
  EXPECT_EQ(error({CKM_SHA_1, CKG_MGF1_SHA256, 20}), CKR_MECHANISM_PARAM_INVALID);
  EXPECT_EQ(error({CKM_SHA256, CKG_MGF1_SHA1, 20}), CKR_MECHANISM_PARAM_INVALID);
  EXPECT_EQ(error({CKM_SHA256_RSA_PKCS, CKG_MGF1_SHA256, 20}), CKR_MECHANISM_PARAM_INVALID);
  EXPECT_EQ(error({CKM_SHA256, CKG_MGF1_SHA256, 32}, CKM_SHA256_RSA_PKCS_PSS), CKR_OK);
  EXPECT_EQ(error({CKM_SHA384, CKG_MGF1_SHA384, 32}, CKM_SHA256_RSA_PKCS_PSS),
            CKR_MECHANISM_PARAM_INVALID);

  CK_RSA_PKCS_PSS_PARAMS parameters{CKM_SHA256, CKG_MGF1_SHA256, 32};
  for (const auto type : {CKM_RSA_PKCS_PSS, CKM_SHA256_RSA_PKCS_PSS}) {
    EXPECT_EQ(start_error(plain(type), *rsa()), CKR_MECHANISM_PARAM_INVALID);
    EXPECT_EQ(start_error({type, &parameters, sizeof(parameters) - 1}, *rsa()),
              CKR_MECHANISM_PARAM_INVALID);
    EXPECT_EQ(start_error({type, &parameters, sizeof(parameters) + 1}, *rsa()),
              CKR_MECHANISM_PARAM_INVALID);
    EXPECT_EQ(start_error({type, nullptr, sizeof(parameters)}, *rsa()),
              CKR_MECHANISM_PARAM_INVALID);
  }
}

TEST_F(MessageTest, reads_pss_parameters_at_any_address) {
  const CK_RSA_PKCS_PSS_PARAMS parameters{CKM_SHA256, CKG_MGF1_SHA256, 32};
  Bytes shifted(sizeof(parameters) + 1);
  std::memcpy(shifted.data() + 1, &parameters, sizeof(parameters));
  EXPECT_EQ(start_error({CKM_RSA_PKCS_PSS, shifted.data() + 1, sizeof(parameters)}, *rsa()),
            CKR_OK);
}

TEST_F(MessageTest, of_other_mechanisms_refuses_parameters) {
  std::uint8_t byte = 0;
  EXPECT_EQ(start_error({CKM_SHA256_RSA_PKCS, &byte, 1}, *rsa()), CKR_MECHANISM_PARAM_INVALID);
  EXPECT_EQ(start_error({CKM_ECDSA, nullptr, 1}, *ec()), CKR_MECHANISM_PARAM_INVALID);
  EXPECT_EQ(start_error({CKM_ECDSA, &byte, 0}, *ec()), CKR_OK);  // some tools do this
}

TEST_F(MessageTest, needs_a_mechanism_for_signatures_and_the_right_key) {
  EXPECT_EQ(start_error(plain(CKM_SHA256), *rsa()), CKR_MECHANISM_INVALID);
  EXPECT_EQ(start_error(plain(CKM_SHA1_RSA_PKCS), *rsa()), CKR_MECHANISM_INVALID);
  EXPECT_EQ(start_error(plain(CKM_ECDSA_SHA256), *rsa()), CKR_KEY_TYPE_INCONSISTENT);
  EXPECT_EQ(start_error(plain(CKM_RSA_PKCS), *ec()), CKR_KEY_TYPE_INCONSISTENT);
}

}  // namespace
}  // namespace sealwright::crypto
