// Slots, logins, objects and handles, against a control plane in the test's own process.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "crypto/certificate.h"
#include "crypto/ecdsa.h"
#include "crypto/mechanism.h"
#include "local_signing_service.h"
#include "token/tokens.h"

namespace sealwright::token {
namespace {

using crypto::KeyKind;
using remote::SignerStatus;
using test::kApiKey;
using test::kOtherApiKey;
using test::LocalSigningService;

Settings with_key() {
  Settings settings;
  settings.log_level = LogLevel::kOff;
  settings.api_key = Secret(kApiKey);
  return settings;
}

Settings without_key() {
  Settings settings;
  settings.log_level = LogLevel::kOff;
  settings.signers = {{"release", 7}};
  return settings;
}

class TokensTest : public ::testing::Test {
 protected:
  TokensTest() { service_.issue({"release", 7, &crypto::kEc}); }

  Tokens& tokens(Settings settings) {
    settings_ = std::move(settings);
    tokens_.emplace(settings_, log_, service_);
    return *tokens_;
  }

  std::shared_ptr<const Object> only(Tokens& tokens, CK_OBJECT_CLASS object_class) {
    std::shared_ptr<const Object> found;
    const auto objects = tokens.visible_objects(7);
    for (const auto& object : *objects) {
      if (object->object_class == object_class) {
        EXPECT_EQ(found, nullptr);
        found = object;
      }
    }
    return found;
  }

  LocalSigningService service_;
  Settings settings_;
  Log log_{LogLevel::kOff, ""};
  std::optional<Tokens> tokens_;
};

crypto::DigestToSign some_digest() {
  return {&crypto::ecdsa::kScheme, crypto::Hash::kSha256, Bytes(32, 0x5A), std::nullopt};
}

template <typename T>
CK_RV rv(const Result<T>& result) {
  return result ? CKR_OK : result.error().rv;
}

TEST_F(TokensTest, EverySignerIsASlotUnderItsNumber) {
  service_.issue({"nightly", 3, &crypto::kEc});
  auto& all = tokens(with_key());
  const auto slots = all.slots();
  ASSERT_TRUE(slots);
  ASSERT_EQ(slots->size(), 2U);
  EXPECT_EQ(slots->at(0).id, 3U);
  EXPECT_EQ(slots->at(0).name, "nightly");
  EXPECT_EQ(slots->at(1).id, 7U);
  EXPECT_EQ(all.serial(slots->at(1))->size(), 16U);
}

TEST_F(TokensTest, ASignerThatIsNotActiveIsASlotWithoutAToken) {
  service_.set_status(7, SignerStatus::kDisabled);
  auto& all = tokens(with_key());
  EXPECT_FALSE(all.slots()->at(0).has_token);
  EXPECT_EQ(rv(all.slot(7)), CKR_OK);
  EXPECT_EQ(rv(all.token(7)), CKR_TOKEN_NOT_PRESENT);
  EXPECT_EQ(rv(all.token(8)), CKR_SLOT_ID_INVALID);
}

TEST_F(TokensTest, ASignerThatCannotBeReadIsATokenUntilSomebodyLooks) {
  service_.break_certificate(7);
  service_.issue({"nightly", 3, &crypto::kEc});
  auto& all = tokens(with_key());
  ASSERT_TRUE(all.slots());
  EXPECT_TRUE(all.slots()->at(1).has_token);
  EXPECT_EQ(rv(all.token(7)), CKR_OK);
  EXPECT_EQ(rv(all.readable_token(7)), CKR_TOKEN_NOT_PRESENT);
  EXPECT_EQ(rv(all.token(7)), CKR_TOKEN_NOT_PRESENT);
  EXPECT_FALSE(all.slots()->at(1).has_token);
  EXPECT_TRUE(all.visible_objects(7)->empty());
  EXPECT_EQ(rv(all.readable_token(3)), CKR_OK) << "the others are as they were";
}

TEST_F(TokensTest, TheListIsAskedForOnceAndThenHeld) {
  auto& all = tokens(with_key());
  for (int round = 0; round < 50; ++round) {
    ASSERT_TRUE(all.slots());
    ASSERT_TRUE(all.token(7));
    ASSERT_TRUE(all.visible_objects(7));
  }
  EXPECT_EQ(service_.fetches, 1);
}

TEST_F(TokensTest, AnUnreachableServerIsNotAskedAgainAtOnce) {
  service_.unreachable = true;
  auto& all = tokens(with_key());
  const auto first = all.slots();
  EXPECT_EQ(rv(first), CKR_FUNCTION_FAILED);
  EXPECT_TRUE(first.error().for_person);
  const auto second = all.slots();
  EXPECT_EQ(rv(second), CKR_FUNCTION_FAILED);
  EXPECT_FALSE(second.error().for_person) << "one line a fetch";
  EXPECT_EQ(service_.fetches, 1);
}

TEST_F(TokensTest, TheChainIsThereWithLabelsAndIdsOfItsOwn) {
  auto& all = tokens(with_key());
  const auto objects = *all.visible_objects(7);
  ASSERT_EQ(objects.size(), 5U);
  std::vector<std::string> labels;
  std::vector<Bytes> ids;
  for (const auto& object : objects) {
    const Bytes& label = object->find(CKA_LABEL)->value;
    labels.emplace_back(label.begin(), label.end());
    ids.push_back(object->find(CKA_ID)->value);
  }
  EXPECT_EQ(labels, (std::vector<std::string>{"release", "release", "release", "Test Issuing",
                                              "Test Root"}));
  EXPECT_EQ(ids[0], ids[1]);
  EXPECT_EQ(ids[0], ids[2]);
  EXPECT_EQ(ids[0].size(), 20U);
  EXPECT_NE(ids[3], ids[0]);
  EXPECT_NE(ids[4], ids[3]);
}

TEST_F(TokensTest, AHandleStaysBoundToKeyAndCertificateAfterARenewal) {
  auto& all = tokens(with_key());
  const auto old_key = only(all, CKO_PRIVATE_KEY);
  ASSERT_NE(old_key, nullptr);
  service_.issue({"release", 7, &crypto::kEc});
  EXPECT_EQ(rv(all.sign(*old_key, some_digest())), CKR_FUNCTION_REJECTED);
  EXPECT_EQ((*all.object(7, old_key->handle))->key->certificate_serial,
            old_key->key->certificate_serial);
}

TEST_F(TokensTest, ASignatureIsReportedWithItsOperation) {
  const std::string file = ::testing::TempDir() + "sw-report-" + std::to_string(::getpid());
  const Log log(LogLevel::kInfo, file);
  const Settings settings = with_key();
  Tokens all(settings, log, service_);
  const auto key = only(all, CKO_PRIVATE_KEY);
  ASSERT_TRUE(all.sign(*key, some_digest()));
  service_.spoil = [](Bytes& signature) { signature.back() ^= 1; };
  ASSERT_FALSE(all.sign(*key, some_digest()));
  std::stringstream lines;
  lines << std::ifstream(file).rdbuf();
  EXPECT_EQ(lines.str(), "sealwright: signer \"release\": signed [operation operation-1]\n");
  std::filesystem::remove(file);
}

TEST_F(TokensTest, ASignatureThatIsNotOfTheKeyNeverLeaves) {
  auto& all = tokens(with_key());
  const auto key = only(all, CKO_PRIVATE_KEY);
  ASSERT_TRUE(all.sign(*key, some_digest()));
  service_.spoil = [](Bytes& signature) { signature.back() ^= 1; };
  const auto flipped = all.sign(*key, some_digest());
  EXPECT_EQ(rv(flipped), CKR_DEVICE_ERROR);
  EXPECT_TRUE(flipped.error().for_person);
  service_.spoil = [](Bytes& signature) { signature.pop_back(); };
  EXPECT_EQ(rv(all.sign(*key, some_digest())), CKR_DEVICE_ERROR);
}

TEST_F(TokensTest, ADeletedSignerIsGoneAtTheSignature) {
  auto& all = tokens(with_key());
  const auto key = only(all, CKO_PRIVATE_KEY);
  service_.remove(7);
  EXPECT_EQ(rv(all.sign(*key, some_digest())), CKR_DEVICE_REMOVED);
  EXPECT_EQ(rv(all.slot(7)), CKR_OK);
}

TEST_F(TokensTest, WithAKeyAnEmptyPinLogsInWithoutARequest) {
  auto& all = tokens(with_key());
  ASSERT_TRUE(all.slots());
  EXPECT_FALSE(all.login_required());
  EXPECT_EQ(rv(all.login(7, "")), CKR_OK);
  EXPECT_EQ(rv(all.login(7, "")), CKR_USER_ALREADY_LOGGED_IN);
  EXPECT_EQ(rv(all.logout(7)), CKR_OK);
  EXPECT_EQ(rv(all.logout(7)), CKR_USER_NOT_LOGGED_IN);
  EXPECT_EQ(service_.fetches, 1);
}

TEST_F(TokensTest, AnotherApiKeyAsThePinSwitchesThisTokenToIt) {
  service_.accept(kOtherApiKey);
  auto& all = tokens(with_key());
  const auto key = only(all, CKO_PRIVATE_KEY);
  ASSERT_EQ(rv(all.login(7, kOtherApiKey)), CKR_OK);
  ASSERT_TRUE(all.sign(*key, some_digest()));
  EXPECT_EQ(service_.last_api_key, kOtherApiKey);
  ASSERT_EQ(rv(all.logout(7)), CKR_OK);
  ASSERT_TRUE(all.sign(*key, some_digest()));
  EXPECT_EQ(service_.last_api_key, kApiKey);
}

TEST_F(TokensTest, AWrongPinIsToldFromAnUnreachableServer) {
  auto& all = tokens(with_key());
  ASSERT_TRUE(all.slots());
  EXPECT_EQ(rv(all.login(7, "1234")), CKR_PIN_INCORRECT);
  EXPECT_EQ(service_.fetches, 1) << "what is no API key is not sent anywhere";
  EXPECT_EQ(rv(all.login(7, kOtherApiKey)), CKR_PIN_INCORRECT);
  EXPECT_EQ(rv(all.login(7, std::string(256, 'x'))), CKR_PIN_INCORRECT);
  service_.unreachable = true;
  EXPECT_EQ(rv(all.login(7, kOtherApiKey)), CKR_DEVICE_ERROR);
  EXPECT_FALSE(all.logged_in(7));
}

TEST_F(TokensTest, WhereLoginIsRequiredThePrivateKeyIsHiddenUntilThen) {
  Settings settings = with_key();
  settings.login_required = true;
  auto& all = tokens(settings);
  EXPECT_TRUE(all.login_required());
  EXPECT_EQ(only(all, CKO_PRIVATE_KEY), nullptr);
  ASSERT_NE(only(all, CKO_PUBLIC_KEY), nullptr);
  EXPECT_EQ(rv(all.login(7, "")), CKR_PIN_INCORRECT);
  ASSERT_EQ(rv(all.login(7, kApiKey)), CKR_OK);
  const auto key = only(all, CKO_PRIVATE_KEY);
  ASSERT_NE(key, nullptr);
  EXPECT_EQ(key->find(CKA_PRIVATE)->value, Bytes{1});
  ASSERT_TRUE(all.logout(7));
  EXPECT_EQ(rv(all.key(7, key->handle)), CKR_USER_NOT_LOGGED_IN);
  EXPECT_EQ(rv(all.object(7, key->handle)), CKR_OBJECT_HANDLE_INVALID);
  EXPECT_EQ(rv(all.sign(*key, some_digest())), CKR_USER_NOT_LOGGED_IN);
}

TEST_F(TokensTest, WithoutAKeyTheNamedSignersAreEmptyUntilLogin) {
  auto& all = tokens(without_key());
  ASSERT_EQ(all.slots()->size(), 1U);
  EXPECT_TRUE(all.visible_objects(7)->empty());
  EXPECT_EQ(Tokens::mechanisms(*all.token(7)).size(),
            crypto::mechanisms_for(crypto::kKeyKinds).size())
      << "the key is not known yet";
  EXPECT_EQ(service_.fetches, 0);
  const std::string serial = *all.serial(*all.token(7));

  ASSERT_EQ(rv(all.login(7, kApiKey)), CKR_OK);
  EXPECT_EQ(all.visible_objects(7)->size(), 5U);
  EXPECT_EQ(Tokens::mechanisms(*all.token(7)).size(), 4U + 5U);
  EXPECT_EQ(all.serial(*all.token(7)), serial);
  ASSERT_TRUE(all.logout(7));
  EXPECT_TRUE(all.visible_objects(7)->empty());
}

TEST_F(TokensTest, ALoginToAnotherSignerThanTheConfigurationNamesIsRefused) {
  Settings settings = without_key();
  settings.signers = {{"nightly", 7}};
  EXPECT_EQ(rv(tokens(settings).login(7, kApiKey)), CKR_PIN_INCORRECT);
}

TEST_F(TokensTest, WithNeitherKeyNorNamesThereAreNoSlots) {
  Settings settings;
  settings.log_level = LogLevel::kOff;
  const auto slots = tokens(settings).slots();
  ASSERT_TRUE(slots);
  EXPECT_TRUE(slots->empty());
}

TEST_F(TokensTest, AHandleOfOneTokenIsUnknownToAnother) {
  service_.issue({"nightly", 3, &crypto::kEc});
  auto& all = tokens(with_key());
  const auto key = only(all, CKO_PRIVATE_KEY);
  EXPECT_EQ(rv(all.object(3, key->handle)), CKR_OBJECT_HANDLE_INVALID);
  EXPECT_EQ(rv(all.key(3, key->handle)), CKR_KEY_HANDLE_INVALID);
  EXPECT_EQ(rv(all.key(7, 0)), CKR_KEY_HANDLE_INVALID);
}

}  // namespace
}  // namespace sealwright::token
