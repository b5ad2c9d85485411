// Certificates, made with OpenSSL in the test and read as a certificate object shows them.
#include <gtest/gtest.h>
#include <openssl/asn1.h>
#include <openssl/x509.h>

#include <string_view>
#include <vector>

#include "crypto/certificate.h"
#include "openssl_keys.h"

namespace sealwright::crypto {
namespace {

struct NamePart {
  const char* field;
  std::string_view value;  // UTF-8
};

X509_NAME* make_name(const std::vector<NamePart>& parts) {
  X509_NAME* name = X509_NAME_new();
  for (const auto& part : parts) {
    EXPECT_EQ(X509_NAME_add_entry_by_txt(name, part.field, MBSTRING_UTF8,
                                         reinterpret_cast<const unsigned char*>(part.value.data()),
                                         static_cast<int>(part.value.size()), -1, 0),
              1);
  }
  return name;
}

Bytes make_certificate(const test::Key& key, const std::vector<NamePart>& subject,
                       const char* not_before = "20260102030405Z",
                       const char* not_after = "20991231235959Z") {
  const Owned<X509, X509_free> made(X509_new_ex(openssl_context(), nullptr));
  const Owned<X509_NAME, X509_NAME_free> subject_name(make_name(subject));
  const Owned<X509_NAME, X509_NAME_free> issuer_name(make_name({{"CN", "Issuing CA"}}));
  X509_set_version(made.get(), X509_VERSION_3);
  ASN1_INTEGER_set_uint64(X509_get_serialNumber(made.get()), 0x80ffU);
  X509_set_subject_name(made.get(), subject_name.get());
  X509_set_issuer_name(made.get(), issuer_name.get());
  EXPECT_EQ(ASN1_TIME_set_string_X509(X509_getm_notBefore(made.get()), not_before), 1);
  EXPECT_EQ(ASN1_TIME_set_string_X509(X509_getm_notAfter(made.get()), not_after), 1);
  X509_set_pubkey(made.get(), key.get());
  const Owned<EVP_MD, EVP_MD_free> sha256(EVP_MD_fetch(openssl_context(), "SHA256", nullptr));
  EXPECT_GT(X509_sign(made.get(), key.get(), sha256.get()), 0);
  Bytes der(static_cast<std::size_t>(i2d_X509(made.get(), nullptr)));
  std::uint8_t* end = der.data();
  i2d_X509(made.get(), &end);
  return der;
}

template <std::size_t N>
std::string text(const unsigned char (&digits)[N]) {
  return {digits, digits + N};
}

TEST(Certificate, shows_its_fields_in_der) {
  const test::Key key = test::make_ec("P-256");
  const Bytes der = make_certificate(key, {{"O", "Example"}, {"CN", "Release signing"}});
  const auto parsed = Certificate::parse(der);
  ASSERT_TRUE(parsed) << parsed.error().message;
  EXPECT_EQ(parsed->der, der);
  EXPECT_EQ(to_hex(parsed->issuer), "30153113301106035504030c0a49737375696e67204341");
  EXPECT_EQ(to_hex(parsed->serial), "02030080ff");
  EXPECT_EQ(to_hex(parsed->subject),
            "302c3110300e060355040a0c074578616d706c65"
            "3118301606035504030c0f52656c65617365207369676e696e67");
  EXPECT_EQ(parsed->spki, test::spki_of(key));
  EXPECT_EQ(parsed->key_identifier, test::public_part(key)->key_identifier());
  EXPECT_EQ(parsed->common_name, "Release signing");
}

TEST(Certificate, tells_its_validity_in_days_before_and_after_2050) {
  const auto parsed = Certificate::parse(make_certificate(test::make_ec("P-256"), {{"CN", "x"}}));
  ASSERT_TRUE(parsed);
  EXPECT_EQ(text(parsed->not_before.year), "2026");
  EXPECT_EQ(text(parsed->not_before.month), "01");
  EXPECT_EQ(text(parsed->not_before.day), "02");
  EXPECT_EQ(text(parsed->not_after.year), "2099");
  EXPECT_EQ(text(parsed->not_after.month), "12");
  EXPECT_EQ(text(parsed->not_after.day), "31");
}

TEST(Certificate, is_called_by_its_last_common_name_in_utf8) {
  const test::Key key = test::make_ec("P-256");
  const auto called = [&key](const std::vector<NamePart>& subject) {
    return Certificate::parse(make_certificate(key, subject)).value().common_name;
  };
  EXPECT_EQ(called({{"CN", "Größe ✓"}}), "Größe ✓");
  EXPECT_EQ(called({{"CN", "first"}, {"O", "between"}, {"CN", "last"}}), "last");
  EXPECT_EQ(called({{"C", "CH"}, {"O", "Käse"}}), "O=Käse,C=CH");
  EXPECT_EQ(called({}), "");
}

TEST(Certificate, may_be_of_a_key_that_no_signer_has) {
  const test::Key key = test::make_rsa(1024);
  const auto parsed = Certificate::parse(make_certificate(key, {{"CN", "Old root"}}));
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->spki, test::spki_of(key));
}

TEST(Certificate, must_be_the_whole_of_what_is_given) {
  const Bytes good = make_certificate(test::make_ec("P-256"), {{"CN", "x"}});
  Bytes trailing = good;
  trailing.push_back(0);
  Bytes cut = good;
  cut.pop_back();
  for (const Bytes& bad : {Bytes{}, Bytes{0x30, 0x00}, trailing, cut}) {
    const auto parsed = Certificate::parse(bad);
    ASSERT_FALSE(parsed);
    EXPECT_EQ(parsed.error().rv, CKR_DEVICE_ERROR);
    EXPECT_EQ(ERR_peek_error(), 0U);
  }
}

}  // namespace
}  // namespace sealwright::crypto
