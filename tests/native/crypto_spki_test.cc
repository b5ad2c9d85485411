// A public key out of the attributes that PKCS#11 has for it, octet by octet as OpenSSL writes it.
#include <gtest/gtest.h>

#include <optional>

#include "crypto/public_key.h"
#include "crypto/spki_from_attributes.h"
#include "openssl_keys.h"

namespace sealwright::crypto {
namespace {

Bytes with_zero_before(const Bytes& number) {
  Bytes longer{0};
  longer.insert(longer.end(), number.begin(), number.end());
  return longer;
}

TEST(SpkiFromAttributes, IsThatOfTheRsaKey) {
  const auto key = test::make_rsa(2048);
  const auto known = test::public_part(key);
  EXPECT_EQ(rsa_spki(*known->attribute(CKA_MODULUS), *known->attribute(CKA_PUBLIC_EXPONENT)),
            test::spki_of(key));
  EXPECT_EQ(rsa_spki(with_zero_before(*known->attribute(CKA_MODULUS)),
                     with_zero_before(*known->attribute(CKA_PUBLIC_EXPONENT))),
            test::spki_of(key));
}

class OfCurve : public ::testing::TestWithParam<const char*> {};

TEST_P(OfCurve, IsThatOfTheEcKey) {
  const auto key = test::make_ec(GetParam());
  const auto known = test::public_part(key);
  const auto point = octet_string_content(*known->attribute(CKA_EC_POINT));
  ASSERT_TRUE(point);
  EXPECT_EQ(ec_spki(*known->attribute(CKA_EC_PARAMS), *point), test::spki_of(key));
}

INSTANTIATE_TEST_SUITE_P(SpkiFromAttributes, OfCurve, ::testing::Values("P-256", "P-384", "P-521"));

TEST(SpkiFromAttributes, OfNothingIsNoKey) {
  EXPECT_FALSE(PublicKey::parse(rsa_spki({}, {})));
  EXPECT_FALSE(PublicKey::parse(ec_spki({}, {})));
}

TEST(OctetString, IsAllThereIs) {
  const auto content = [](const Bytes& der) {
    const auto found = octet_string_content(der);
    return found ? std::optional<Bytes>(Bytes(found->begin(), found->end())) : std::nullopt;
  };
  Bytes longest{0x04, 0x81, 0x80};
  longest.resize(3 + 0x80);
  EXPECT_EQ(content({0x04, 0x00}), Bytes{});
  EXPECT_EQ(content({0x04, 0x02, 7, 8}), (Bytes{7, 8}));
  EXPECT_EQ(content(longest), Bytes(0x80));
  EXPECT_EQ(content({}), std::nullopt);
  EXPECT_EQ(content({0x04}), std::nullopt);
  EXPECT_EQ(content({0x04, 0x02, 7}), std::nullopt);
  EXPECT_EQ(content({0x04, 0x01, 7, 8}), std::nullopt);
  EXPECT_EQ(content({0x04, 0x81, 0x01, 7}), std::nullopt);  // not the shortest length: no DER
  EXPECT_EQ(content({0x05, 0x02, 7, 8}), std::nullopt);
}

}  // namespace
}  // namespace sealwright::crypto
