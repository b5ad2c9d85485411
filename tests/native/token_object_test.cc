// What C_GetAttributeValue and C_FindObjects make of an object's attributes.
#include <gtest/gtest.h>

#include <array>
#include <set>

#include "base/cryptoki.h"
#include "local_signing_service.h"
#include "token/object.h"
#include "token/tokens.h"

namespace sealwright::token {
namespace {

class ObjectTest : public ::testing::TestWithParam<const crypto::KeyKind*> {
 protected:
  ObjectTest() {
    settings_.log_level = LogLevel::kOff;
    settings_.api_key = Secret(test::kApiKey);
    service_.issue({"release", 7, GetParam()});
    tokens_.emplace(settings_, log_, service_);
    objects_ = *tokens_->visible_objects(7);
  }

  const Object& first(CK_OBJECT_CLASS object_class) {
    for (const auto& object : objects_) {
      if (object->object_class == object_class) {
        return *object;
      }
    }
    throw std::logic_error("no such object");
  }

  static std::set<CK_ATTRIBUTE_TYPE> types(const Object& object) {
    std::set<CK_ATTRIBUTE_TYPE> all;
    for (const Attribute& attribute : object.attributes) {
      EXPECT_TRUE(all.insert(attribute.type).second) << "given twice: " << attribute.type;
    }
    return all;
  }

  bool rsa() const { return GetParam() == &crypto::kRsa; }

  test::LocalSigningService service_;
  Settings settings_;
  Log log_{LogLevel::kOff, ""};
  std::optional<Tokens> tokens_;
  std::vector<std::shared_ptr<const Object>> objects_;
};

std::set<CK_ATTRIBUTE_TYPE> with(std::set<CK_ATTRIBUTE_TYPE> types,
                                 std::initializer_list<CK_ATTRIBUTE_TYPE> more) {
  types.insert(more);
  return types;
}

const std::set<CK_ATTRIBUTE_TYPE> kStorage{CKA_CLASS,       CKA_TOKEN,         CKA_PRIVATE,
                                           CKA_MODIFIABLE,  CKA_LABEL,         CKA_COPYABLE,
                                           CKA_DESTROYABLE, kUniqueIdAttribute};
const std::set<CK_ATTRIBUTE_TYPE> kKey =
    with(kStorage, {CKA_KEY_TYPE, CKA_ID, CKA_START_DATE, CKA_END_DATE, CKA_DERIVE, CKA_LOCAL,
                    CKA_KEY_GEN_MECHANISM, CKA_ALLOWED_MECHANISMS});

TEST_P(ObjectTest, AnswersEveryAttributeOfItsClass) {
  auto private_key = with(
      kKey, {CKA_SUBJECT, CKA_SENSITIVE, CKA_DECRYPT, CKA_SIGN, CKA_SIGN_RECOVER, CKA_UNWRAP,
             CKA_EXTRACTABLE, CKA_ALWAYS_SENSITIVE, CKA_NEVER_EXTRACTABLE, CKA_WRAP_WITH_TRUSTED,
             CKA_UNWRAP_TEMPLATE, CKA_ALWAYS_AUTHENTICATE, CKA_PUBLIC_KEY_INFO});
  auto public_key = with(kKey, {CKA_SUBJECT, CKA_ENCRYPT, CKA_VERIFY, CKA_VERIFY_RECOVER, CKA_WRAP,
                                CKA_TRUSTED, CKA_WRAP_TEMPLATE, CKA_PUBLIC_KEY_INFO});
  if (rsa()) {
    private_key =
        with(private_key, {CKA_MODULUS, CKA_PUBLIC_EXPONENT, CKA_PRIVATE_EXPONENT, CKA_PRIME_1,
                           CKA_PRIME_2, CKA_EXPONENT_1, CKA_EXPONENT_2, CKA_COEFFICIENT});
    public_key = with(public_key, {CKA_MODULUS, CKA_MODULUS_BITS, CKA_PUBLIC_EXPONENT});
  } else {
    private_key = with(private_key, {CKA_EC_PARAMS, CKA_EC_POINT, CKA_VALUE});
    public_key = with(public_key, {CKA_EC_PARAMS, CKA_EC_POINT});
  }
  EXPECT_EQ(types(first(CKO_PRIVATE_KEY)), private_key);
  EXPECT_EQ(types(first(CKO_PUBLIC_KEY)), public_key);
  EXPECT_EQ(types(first(CKO_CERTIFICATE)),
            with(kStorage, {CKA_CERTIFICATE_TYPE, CKA_TRUSTED, CKA_CERTIFICATE_CATEGORY,
                            CKA_CHECK_VALUE, CKA_START_DATE, CKA_END_DATE, CKA_PUBLIC_KEY_INFO,
                            CKA_SUBJECT, CKA_ID, CKA_ISSUER, CKA_SERIAL_NUMBER, CKA_VALUE, CKA_URL,
                            CKA_HASH_OF_SUBJECT_PUBLIC_KEY, CKA_HASH_OF_ISSUER_PUBLIC_KEY,
                            CKA_JAVA_MIDP_SECURITY_DOMAIN, CKA_NAME_HASH_ALGORITHM}));
}

TEST_P(ObjectTest, TheSecretsOfThePrivateKeyAreSensitive) {
  const std::vector<CK_ATTRIBUTE_TYPE> secrets =
      rsa() ? std::vector<CK_ATTRIBUTE_TYPE>{CKA_PRIVATE_EXPONENT, CKA_PRIME_1,    CKA_PRIME_2,
                                             CKA_EXPONENT_1,       CKA_EXPONENT_2, CKA_COEFFICIENT}
            : std::vector<CK_ATTRIBUTE_TYPE>{CKA_VALUE};
  for (const CK_ATTRIBUTE_TYPE type : secrets) {
    std::array<CK_ATTRIBUTE, 1> wanted{{{type, nullptr, 0}}};
    const auto read = read_attributes(first(CKO_PRIVATE_KEY), wanted);
    ASSERT_FALSE(read);
    EXPECT_EQ(read.error().rv, CKR_ATTRIBUTE_SENSITIVE);
    EXPECT_EQ(wanted[0].ulValueLen, CK_UNAVAILABLE_INFORMATION);
    const std::array<Criterion, 1> guess{{{type, {}}}};
    EXPECT_FALSE(matches(first(CKO_PRIVATE_KEY), guess)) << "a search must not probe secrets";
  }
}

TEST_P(ObjectTest, OneBadEntryLeavesTheOthersFilled) {
  CK_OBJECT_CLASS object_class = 0;
  std::array<CK_BYTE, 2> small{};
  std::array<CK_BYTE, 64> label{};
  std::array<CK_ATTRIBUTE, 5> wanted{{
      {CKA_VENDOR_DEFINED, label.data(), label.size()},
      {CKA_CLASS, &object_class, sizeof object_class},
      {CKA_ID, small.data(), small.size()},
      {CKA_LABEL, label.data(), label.size()},
      {CKA_SUBJECT, nullptr, 12345},
  }};
  const auto read = read_attributes(first(CKO_PUBLIC_KEY), wanted);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().rv, CKR_ATTRIBUTE_TYPE_INVALID);
  EXPECT_EQ(wanted[0].ulValueLen, CK_UNAVAILABLE_INFORMATION);
  EXPECT_EQ(object_class, CKO_PUBLIC_KEY);
  EXPECT_EQ(wanted[2].ulValueLen, CK_UNAVAILABLE_INFORMATION);
  EXPECT_EQ(small, (std::array<CK_BYTE, 2>{}));
  EXPECT_EQ(wanted[3].ulValueLen, std::string("release").size());
  EXPECT_EQ(wanted[4].ulValueLen, first(CKO_PUBLIC_KEY).find(CKA_SUBJECT)->value.size());
}

TEST_P(ObjectTest, ASearchMatchesEveryAttributeExactly) {
  const Object& key = first(CKO_PRIVATE_KEY);
  const Criterion id{CKA_ID, key.find(CKA_ID)->value};
  const Criterion label{CKA_LABEL, Bytes{'r', 'e', 'l', 'e', 'a', 's', 'e'}};
  EXPECT_TRUE(matches(key, {}));
  EXPECT_TRUE(matches(key, std::array<Criterion, 2>{{id, label}}));
  EXPECT_FALSE(matches(key, std::array<Criterion, 2>{{id, {CKA_LABEL, Bytes{'r', 'e', 'l'}}}}));
  EXPECT_FALSE(matches(key, std::array<Criterion, 1>{{{CKA_VENDOR_DEFINED, {}}}}));
  EXPECT_FALSE(matches(key, std::array<Criterion, 1>{{{CKA_ID, {}}}}));
}

INSTANTIATE_TEST_SUITE_P(Kinds, ObjectTest, ::testing::ValuesIn(crypto::kKeyKinds),
                         [](const auto& info) { return std::string(info.param->openssl_name); });

}  // namespace
}  // namespace sealwright::token
