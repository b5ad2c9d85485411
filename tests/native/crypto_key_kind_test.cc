// Kinds of keys: a public key out of the attributes that a template brings, octet by octet as
// OpenSSL writes it.
#include <gtest/gtest.h>

#include <algorithm>
#include <iterator>

#include "crypto/der.h"
#include "crypto/key_kind.h"
#include "crypto/public_key.h"
#include "openssl_keys.h"

namespace sealwright::crypto {
namespace {

struct Known {
  const char* name;
  test::Key (*make)();
};

class OfKind : public ::testing::TestWithParam<Known> {
 protected:
  const test::Key key_ = GetParam().make();
  const std::shared_ptr<const PublicKey> known_ = test::public_part(key_);
  const KeyKind& kind_ = known_->kind();
  const Bytes first_ = *known_->attribute(kind_.parts.front());
  const Bytes second_ = *known_->attribute(kind_.parts.back());
};

TEST_P(OfKind, TheAttributesOfAKeyMakeIt) {
  EXPECT_EQ(kind_.spki(first_, second_), test::spki_of(key_));
}

TEST_P(OfKind, ThatLackAnythingMakeNone) {
  EXPECT_FALSE(kind_.spki({}, second_));
  EXPECT_FALSE(kind_.spki(first_, {}));
  EXPECT_FALSE(kind_.spki({}, {}));
}

TEST_P(OfKind, OfAPointThatIsCutMakeNone) {
  const Bytes cut(second_.begin(), std::prev(second_.end()));
  EXPECT_TRUE(&kind_ == &kRsa || !kind_.spki(first_, cut));
}

INSTANTIATE_TEST_SUITE_P(KeyKinds, OfKind,
                         ::testing::Values(Known{"rsa", [] { return test::make_rsa(2048); }},
                                           Known{"p256", [] { return test::make_ec("P-256"); }},
                                           Known{"p384", [] { return test::make_ec("P-384"); }},
                                           Known{"p521", [] { return test::make_ec("P-521"); }},
                                           Known{"ed25519",
                                                 [] {
                                                   return test::hold(EVP_PKEY_Q_keygen(
                                                       openssl_context(), nullptr, "ED25519"));
                                                 }}),
                         [](const auto& given) { return given.param.name; });

Bytes with_zero_before(const Bytes& number) { return der::joined({Bytes{0}, number}); }

TEST(RsaKind, TakesNumbersWithLeadingZeros) {
  const auto key = test::make_rsa(2048);
  const auto known = test::public_part(key);
  EXPECT_EQ(kRsa.spki(with_zero_before(*known->attribute(CKA_MODULUS)),
                      with_zero_before(*known->attribute(CKA_PUBLIC_EXPONENT))),
            test::spki_of(key));
}

TEST(EcKind, TakesAPointThatLooksWrapped) {
  const auto known = test::public_part(test::make_ec("P-256"));
  Bytes bare(65, 1);
  bare[0] = 0x04;
  bare[1] = 63;  // what the header of an OCTET STRING would say
  const auto made = kEc.spki(*known->attribute(CKA_EC_PARAMS), bare);
  ASSERT_TRUE(made);
  EXPECT_TRUE(std::equal(bare.rbegin(), bare.rend(), made->rbegin()));
}

}  // namespace
}  // namespace sealwright::crypto
