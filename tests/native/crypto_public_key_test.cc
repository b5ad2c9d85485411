// Public keys: what they show, and that they accept exactly what OpenSSL's private keys signed.
#include <gtest/gtest.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>

#include <array>
#include <thread>
#include <vector>

#include "crypto/digest.h"
#include "crypto/message.h"
#include "crypto/public_key.h"
#include "crypto/rsa_pkcs1.h"
#include "openssl_keys.h"

namespace sealwright::crypto {
namespace {

using test::Key;

const ByteView kData = as_bytes("the artifact");

struct HashNames {
  const char* openssl;
  Hash algorithm;
  CK_MECHANISM_TYPE plain, mgf, rsa_pkcs1, rsa_pss, ecdsa;
};
constexpr std::array<HashNames, 3> kHashes{{
    {"SHA256", Hash::kSha256, CKM_SHA256, CKG_MGF1_SHA256, CKM_SHA256_RSA_PKCS,
     CKM_SHA256_RSA_PKCS_PSS, CKM_ECDSA_SHA256},
    {"SHA384", Hash::kSha384, CKM_SHA384, CKG_MGF1_SHA384, CKM_SHA384_RSA_PKCS,
     CKM_SHA384_RSA_PKCS_PSS, CKM_ECDSA_SHA384},
    {"SHA512", Hash::kSha512, CKM_SHA512, CKG_MGF1_SHA512, CKM_SHA512_RSA_PKCS,
     CKM_SHA512_RSA_PKCS_PSS, CKM_ECDSA_SHA512},
}};

Bytes digest(Hash algorithm, ByteView data) {
  auto started = Digest::start(algorithm);
  EXPECT_TRUE(started->update(data));
  return started->finish().value();
}

DigestToSign message(const CK_MECHANISM& mechanism, const PublicKey& key, ByteView data) {
  auto started = Message::start(mechanism, key);
  EXPECT_TRUE(started);
  EXPECT_TRUE((*started)->update(data));
  return (*started)->finish().value();
}

// Valid for these bytes, and for nothing that differs in one bit.
void expect_exact(const PublicKey& key, const DigestToSign& what, const Bytes& signature) {
  EXPECT_TRUE(key.verify(what, signature).value());
  EXPECT_EQ(ERR_peek_error(), 0U);
  DigestToSign other = what;
  other.digest.front() ^= 0x80;
  EXPECT_FALSE(key.verify(other, signature).value());
  for (const std::size_t at : {std::size_t{0}, signature.size() / 2, signature.size() - 1}) {
    Bytes damaged = signature;
    damaged[at] ^= 1;
    EXPECT_FALSE(key.verify(what, damaged).value());
  }
  Bytes longer = signature;
  longer.push_back(0);
  EXPECT_FALSE(key.verify(what, longer).value());
  EXPECT_FALSE(key.verify(what, ByteView(signature).first(signature.size() - 1)).value());
  EXPECT_FALSE(key.verify(what, {}).value());
  EXPECT_EQ(ERR_peek_error(), 0U);  // refusals leave nothing for the next call
}

class RsaKeys : public testing::TestWithParam<std::size_t> {};
INSTANTIATE_TEST_SUITE_P(Bits, RsaKeys, testing::Values(2048, 3072, 4096));

TEST_P(RsaKeys, verify_every_rsa_mechanism) {
  const Key key = test::make_rsa(GetParam());
  const auto shown = test::public_part(key);
  ASSERT_NE(shown, nullptr);
  EXPECT_EQ(&shown->kind(), &kRsa);
  EXPECT_EQ(shown->bits(), GetParam());
  EXPECT_EQ(shown->signature_length(), GetParam() / 8);
  EXPECT_EQ(shown->attribute(CKA_MODULUS)->size(), GetParam() / 8);
  EXPECT_EQ(to_hex(*shown->attribute(CKA_PUBLIC_EXPONENT)), "010001");
  EXPECT_EQ(shown->spki(), test::spki_of(key));
  EXPECT_EQ(shown->attribute(CKA_EC_POINT), nullptr);

  for (const HashNames& hash : kHashes) {
    expect_exact(*shown, message({hash.rsa_pkcs1, nullptr, 0}, *shown, kData),
                 test::sign_data(key, hash.openssl, kData));
    const Bytes value = digest(hash.algorithm, kData);
    const auto most = static_cast<int>(GetParam() / 8 - value.size() - 2);
    for (const int salt : {0, 20, 32, most}) {
      for (const HashNames& mgf : kHashes) {
        const test::Pss pss{mgf.openssl, salt};
        CK_RSA_PKCS_PSS_PARAMS parameters{hash.plain, mgf.mgf, static_cast<CK_ULONG>(salt)};
        const Bytes signature = test::sign_data(key, hash.openssl, kData, &pss);
        const auto hashed = message({hash.rsa_pss, &parameters, sizeof(parameters)}, *shown, kData);
        const auto raw =
            message({CKM_RSA_PKCS_PSS, &parameters, sizeof(parameters)}, *shown, value);
        EXPECT_EQ(hashed.digest, raw.digest);
        EXPECT_TRUE(shown->verify(raw, signature).value());
        if (salt == 32) expect_exact(*shown, hashed, signature);
      }
    }
  }
}

TEST_P(RsaKeys, have_signatures_of_one_length_only) {
  const auto shown = test::public_part(test::make_rsa(GetParam()));
  const std::size_t length = shown->signature_length();
  EXPECT_EQ(shown->in_full_length(Bytes(length)), Bytes(length));
  EXPECT_EQ(shown->in_full_length(Bytes(length - 2)), std::nullopt);
}

TEST_P(RsaKeys, verify_octets_that_are_no_digest_info) {
  const Key key = test::make_rsa(GetParam());
  const auto shown = test::public_part(key);
  for (const std::size_t length : {std::size_t{1}, std::size_t{36}, GetParam() / 8 - 11}) {
    const Bytes octets(length, 0x5a);
    const auto what = message({CKM_RSA_PKCS, nullptr, 0}, *shown, octets);
    ASSERT_EQ(what.hash, Hash::kNone);
    expect_exact(*shown, what, test::sign_octets(key, octets));
  }
  const auto nothing = message({CKM_RSA_PKCS, nullptr, 0}, *shown, {});
  EXPECT_TRUE(shown->verify(nothing, test::sign_octets(key, {})).value());
}

TEST(RsaKey, takes_pss_with_the_promised_salt_length_only) {
  const Key key = test::make_rsa(2048);
  const auto shown = test::public_part(key);
  const test::Pss pss{"SHA256", 20};
  const Bytes signature = test::sign_data(key, "SHA256", kData, &pss);
  CK_RSA_PKCS_PSS_PARAMS parameters{CKM_SHA256, CKG_MGF1_SHA256, 32};
  const CK_MECHANISM mechanism{CKM_SHA256_RSA_PKCS_PSS, &parameters, sizeof(parameters)};
  EXPECT_FALSE(shown->verify(message(mechanism, *shown, kData), signature).value());
  parameters.sLen = 20;
  EXPECT_TRUE(shown->verify(message(mechanism, *shown, kData), signature).value());
  parameters.mgf = CKG_MGF1_SHA384;
  EXPECT_FALSE(shown->verify(message(mechanism, *shown, kData), signature).value());
}

struct CurveNames {
  const char* openssl;
  std::size_t bits, half;
  const char* params;
  const char* point_header;
};
class EcKeys : public testing::TestWithParam<CurveNames> {};
INSTANTIATE_TEST_SUITE_P(
    Curves, EcKeys,
    testing::Values(CurveNames{"P-256", 256, 32, "06082a8648ce3d030107", "044104"},
                    CurveNames{"P-384", 384, 48, "06052b81040022", "046104"},
                    CurveNames{"P-521", 521, 66, "06052b81040023", "04818504"}),
    [](const auto& named) { return "P" + std::to_string(named.param.bits); });

TEST_P(EcKeys, verify_every_ecdsa_mechanism) {
  const auto& curve = GetParam();
  const Key key = test::make_ec(curve.openssl);
  const auto shown = test::public_part(key);
  ASSERT_NE(shown, nullptr);
  for (const HashNames& hash : kHashes) {
    const Bytes signature = test::to_p1363(test::sign_data(key, hash.openssl, kData), curve.half);
    expect_exact(*shown, message({hash.ecdsa, nullptr, 0}, *shown, kData), signature);
    const auto raw = message({CKM_ECDSA, nullptr, 0}, *shown, digest(hash.algorithm, kData));
    EXPECT_TRUE(shown->verify(raw, signature).value());
  }
}

TEST_P(EcKeys, verify_digests_of_any_length) {
  const auto& curve = GetParam();
  const Key key = test::make_ec(curve.openssl);
  const auto shown = test::public_part(key);
  for (std::size_t length = 1; length <= 64; ++length) {
    const Bytes octets(length, 0xc3);
    const Bytes signature = test::to_p1363(test::sign_octets(key, octets), curve.half);
    const auto what = message({CKM_ECDSA, nullptr, 0}, *shown, octets);
    EXPECT_TRUE(shown->verify(what, signature).value()) << length;
  }
}

TEST_P(EcKeys, show_curve_and_point_in_der) {
  const auto& curve = GetParam();
  const Key key = test::make_ec(curve.openssl);
  const auto shown = test::public_part(key);
  ASSERT_NE(shown, nullptr);
  EXPECT_EQ(&shown->kind(), &kEc);
  EXPECT_EQ(shown->bits(), curve.bits);
  EXPECT_EQ(shown->signature_length(), 2 * curve.half);
  EXPECT_EQ(to_hex(*shown->attribute(CKA_EC_PARAMS)), curve.params);
  const std::string header(curve.point_header);
  const std::string point = to_hex(*shown->attribute(CKA_EC_POINT));
  EXPECT_EQ(point.substr(0, header.size()), header);
  // The SubjectPublicKeyInfo ends with the same 04‖x‖y.
  const std::string spki = to_hex(shown->spki());
  const std::string coordinates = point.substr(header.size() - 2);
  EXPECT_EQ(coordinates.size(), 2 * (1 + 2 * curve.half));
  EXPECT_EQ(spki.substr(spki.size() - coordinates.size()), coordinates);
  EXPECT_EQ(shown->attribute(CKA_MODULUS), nullptr);
}

TEST_P(EcKeys, lengthen_what_came_without_leading_zeros) {
  const auto& curve = GetParam();
  const auto shown = test::public_part(test::make_ec(curve.openssl));
  Bytes expected(2 * curve.half);
  expected[curve.half - 1] = 0xab;
  expected[2 * curve.half - 1] = 0xcd;
  EXPECT_EQ(shown->in_full_length(Bytes{0xab, 0xcd}), expected);
  EXPECT_EQ(shown->in_full_length(Bytes{0x00, 0xab, 0x00, 0xcd}), expected);
  EXPECT_EQ(shown->in_full_length(expected), expected);
  for (const std::size_t length : {std::size_t{0}, std::size_t{1}, 2 * curve.half - 1,
                                   2 * curve.half + 1, 2 * curve.half + 2}) {
    EXPECT_EQ(shown->in_full_length(Bytes(length)), std::nullopt) << length;
  }
}

TEST_P(EcKeys, refuse_r_and_s_outside_the_group) {
  const auto& curve = GetParam();
  const Key key = test::make_ec(curve.openssl);
  const auto shown = test::public_part(key);
  const Bytes signature = test::to_p1363(test::sign_data(key, "SHA256", kData), curve.half);
  const auto what = message({CKM_ECDSA_SHA256, nullptr, 0}, *shown, kData);
  const auto half = static_cast<std::ptrdiff_t>(curve.half);
  for (const std::uint8_t filler : {std::uint8_t{0x00}, std::uint8_t{0xff}}) {
    Bytes bad_r = signature;
    std::fill(bad_r.begin(), bad_r.begin() + half, filler);
    Bytes bad_s = signature;
    std::fill(bad_s.begin() + half, bad_s.end(), filler);
    EXPECT_FALSE(shown->verify(what, bad_r).value());
    EXPECT_FALSE(shown->verify(what, bad_s).value());
    EXPECT_FALSE(shown->verify(what, Bytes(signature.size(), filler)).value());
  }
  // s + n is the same number in the group, and still no signature.
  BIGNUM* raw_order = nullptr;
  ASSERT_EQ(EVP_PKEY_get_bn_param(key.get(), OSSL_PKEY_PARAM_EC_ORDER, &raw_order), 1);
  const Owned<BIGNUM, BN_free> order(raw_order);
  const Owned<BIGNUM, BN_free> s(
      BN_bin2bn(signature.data() + half, static_cast<int>(half), nullptr));
  ASSERT_EQ(BN_add(s.get(), s.get(), order.get()), 1);
  Bytes shifted = signature;
  if (BN_bn2binpad(s.get(), shifted.data() + half, static_cast<int>(half)) > 0) {
    EXPECT_FALSE(shown->verify(what, shifted).value());
  }
  ERR_clear_error();
}

TEST(EdwardsKeys, verify_messages_of_any_length_up_to_a_bound) {
  const Key key = test::make("ED25519");
  const auto shown = test::public_part(key);
  EXPECT_EQ(&shown->kind(), &kEdwards);
  EXPECT_EQ(shown->bits(), 255U);
  EXPECT_EQ(shown->signature_length(), 64U);
  EXPECT_EQ(to_hex(*shown->attribute(CKA_EC_PARAMS)), "130c656477617264733235353139");
  const ByteView encoded = ByteView(shown->spki()).last(32);
  EXPECT_EQ(to_hex(*shown->attribute(CKA_EC_POINT)), "0420" + to_hex(encoded));
  EXPECT_EQ(shown->key_identifier(), digest(Hash::kSha1, encoded));
  for (const std::size_t length : {1U, 32U, 65'536U}) {
    const Bytes data(length, 0x5a);
    const DigestToSign what = message({CKM_EDDSA, nullptr, 0}, *shown, data);
    EXPECT_EQ(what.digest, data) << "it is not hashed here";
    EXPECT_EQ(what.hash, Hash::kNone);
    EXPECT_EQ(what.scheme->name, "ed25519");
    expect_exact(*shown, what, test::sign_data(key, nullptr, data));
  }
  const DigestToSign nothing = message({CKM_EDDSA, nullptr, 0}, *shown, {});
  EXPECT_TRUE(shown->verify(nothing, test::sign_data(key, nullptr, {})).value());
  EXPECT_EQ(shown->in_full_length(Bytes(62)), std::nullopt);
  EXPECT_FALSE((*Message::start({CKM_EDDSA, nullptr, 0}, *shown))->update(Bytes(65'537)));
}

TEST(EdwardsKeys, take_no_parameters_as_others_would_be_other_signatures) {
  const auto shown = test::public_part(test::make("ED25519"));
  Bytes parameters(24);
  const auto started = Message::start({CKM_EDDSA, parameters.data(), parameters.size()}, *shown);
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().rv, CKR_MECHANISM_PARAM_INVALID);
}

TEST(PublicKey, is_identified_by_the_sha1_of_its_bits) {
  // RFC 5280 §4.2.1.2 (1): the value of the BIT STRING, without tag, length and unused bits.
  const auto ec = test::public_part(test::make_ec("P-256"));
  const ByteView point = ByteView(*ec->attribute(CKA_EC_POINT)).subspan(2);
  EXPECT_EQ(ec->key_identifier(), digest(Hash::kSha1, point));
  const auto rsa = test::public_part(test::make_rsa(2048));
  const ByteView sequence = ByteView(rsa->spki()).subspan(24);  // fixed header of RSA-2048
  EXPECT_EQ(sequence.front(), 0x30);
  EXPECT_EQ(rsa->key_identifier(), digest(Hash::kSha1, sequence));
}

TEST(PublicKey, refuses_what_is_not_one_usable_key) {
  const auto error = [](const Bytes& der) {
    const auto parsed = PublicKey::parse(der);
    return parsed ? CKR_OK : parsed.error().rv;
  };
  const Bytes good = test::spki_of(test::make_ec("P-256"));
  Bytes trailing = good;
  trailing.push_back(0);
  Bytes cut = good;
  cut.pop_back();
  Bytes off_curve = good;
  off_curve.back() ^= 1;
  EXPECT_EQ(error(good), CKR_OK);
  for (const Bytes& bad : {Bytes{}, Bytes{0x30}, Bytes(100, 0x41), trailing, cut, off_curve,
                           test::spki_of(test::make("ED448")), test::spki_of(test::make_rsa(1024)),
                           test::spki_of(test::make_ec("secp256k1"))}) {
    EXPECT_EQ(error(bad), CKR_DEVICE_ERROR) << to_hex(bad);
    EXPECT_EQ(ERR_peek_error(), 0U);
  }
}

TEST(PublicKey, tells_its_kind_without_being_parsed) {
  for (const std::size_t bits : {1024U, 2048U, 4096U}) {
    EXPECT_EQ(PublicKey::kind_of(test::spki_of(test::make_rsa(bits))), &kRsa);
  }
  for (const char* curve : {"P-256", "P-384", "P-521"}) {
    EXPECT_EQ(PublicKey::kind_of(test::spki_of(test::make_ec(curve))), &kEc);
  }
  EXPECT_EQ(PublicKey::kind_of(test::spki_of(test::make("ED25519"))), &kEdwards);
  EXPECT_EQ(PublicKey::kind_of(test::spki_of(test::make("ED448"))), nullptr);
  EXPECT_EQ(PublicKey::kind_of(test::spki_of(test::make_ec("secp256k1"))), nullptr);
}

TEST(PublicKey, has_no_kind_unless_it_is_whole) {
  for (const Key& key : {test::make_rsa(2048), test::make_ec("P-256"), test::make("ED25519")}) {
    Bytes spki = test::spki_of(key);
    const KeyKind* kind = PublicKey::kind_of(spki);
    spki.push_back(0);
    EXPECT_EQ(PublicKey::kind_of(spki), nullptr);
    spki.pop_back();
    spki.front() = 0x31;
    EXPECT_EQ(PublicKey::kind_of(spki), nullptr);
    spki.front() = 0x30;
    EXPECT_EQ(PublicKey::kind_of(spki), kind);
    for (std::size_t length = 0; length < spki.size(); ++length) {
      EXPECT_EQ(PublicKey::kind_of(ByteView(spki).first(length)), nullptr) << length;
    }
  }
  // Every length that a header can claim and the octets do not have.
  for (const Bytes& der :
       {Bytes{0x30}, Bytes{0x30, 0x00}, Bytes{0x30, 0x80}, Bytes{0x30, 0x81},
        Bytes{0x30, 0x83, 0xff, 0xff, 0xff}, Bytes{0x30, 0x84, 0, 0, 0, 0}, Bytes{0x30, 0xff},
        Bytes{0x30, 0x01, 0x30}, Bytes{0x30, 0x02, 0x30, 0}}) {
    EXPECT_EQ(PublicKey::kind_of(der), nullptr) << to_hex(der);
  }
}

TEST(PublicKey, refuses_the_scheme_of_another_type_of_key) {
  const auto ec = test::public_part(test::make_ec("P-256"));
  const DigestToSign what{&rsa_pkcs1::kScheme, Hash::kSha256, Bytes(32, 1), std::nullopt};
  const auto verified = ec->verify(what, Bytes(64, 1));
  ASSERT_FALSE(verified);
  EXPECT_EQ(verified.error().rv, CKR_KEY_TYPE_INCONSISTENT);
}

TEST(PublicKey, verifies_on_many_threads_at_once) {
  const Key rsa = test::make_rsa(2048);
  const Key ec = test::make_ec("P-256");
  const auto rsa_shown = test::public_part(rsa);
  const auto ec_shown = test::public_part(ec);
  const Bytes rsa_signature = test::sign_data(rsa, "SHA256", kData);
  const Bytes ec_signature = test::to_p1363(test::sign_data(ec, "SHA256", kData), 32);
  std::vector<std::thread> threads;
  threads.reserve(8);
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      for (int round = 0; round < 50; ++round) {
        const auto rsa_what = message({CKM_SHA256_RSA_PKCS, nullptr, 0}, *rsa_shown, kData);
        EXPECT_TRUE(rsa_shown->verify(rsa_what, rsa_signature).value());
        const auto ec_what = message({CKM_ECDSA_SHA256, nullptr, 0}, *ec_shown, kData);
        EXPECT_TRUE(ec_shown->verify(ec_what, ec_signature).value());
      }
    });
  }
  for (auto& thread : threads) thread.join();
}

}  // namespace
}  // namespace sealwright::crypto
