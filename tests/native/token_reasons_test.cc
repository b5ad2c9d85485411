// What the person at the tool is told when a signer does not sign, on each road to it.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <functional>
#include <iomanip>
#include <iterator>
#include <optional>
#include <sstream>
#include <string>

#include "local_signing_service.h"
#include "token/tokens.h"

namespace sealwright::token {
namespace {

using crypto::KeyKind;
using remote::SignerStatus;

constexpr CK_SLOT_ID kSlot = 7;

class ReasonsTest : public ::testing::Test {
 protected:
  ReasonsTest() {
    settings_.api_key = Secret(test::kApiKey);
    service_.issue({"release", kSlot, &crypto::kEc});
  }
  ~ReasonsTest() override { std::remove(path_.c_str()); }

  Tokens& tokens() {
    if (!tokens_) tokens_.emplace(settings_, log_, service_);
    return *tokens_;
  }

  // Since it was asked for last.
  std::string said() {
    std::ifstream file(path_);
    const std::string lines{std::istreambuf_iterator<char>(file), {}};
    std::remove(path_.c_str());
    return lines;
  }

  const std::string path_ =
      ::testing::TempDir() + "sealwright-reasons-" + std::to_string(::getpid());
  test::LocalSigningService service_;
  Settings settings_;
  Log log_{LogLevel::kWarning, path_};
  std::optional<Tokens> tokens_;
};

TEST_F(ReasonsTest, ASignerThatSignsIsNotSpokenOf) {
  ASSERT_TRUE(tokens().slots());
  ASSERT_TRUE(tokens().slot(kSlot));
  ASSERT_TRUE(tokens().readable_token(kSlot));
  EXPECT_EQ(said(), "");
}

TEST_F(ReasonsTest, OneThatDoesNotIsToldOfOnceOnWhateverRoad) {
  service_.set_status(kSlot, SignerStatus::kDisabled);
  const std::string line =
      "sealwright: signer \"release\" is disabled; who administers it can change that: sealwright "
      "signer enable release\n";
  for (const std::function<void()>& road : {
           std::function<void()>([&] { (void)tokens().slot(kSlot); }),
           std::function<void()>([&] { (void)tokens().token(kSlot); }),
           std::function<void()>([&] { (void)tokens().readable_token(kSlot); }),
       }) {
    tokens_.reset();
    ASSERT_TRUE(tokens().slots());
    EXPECT_EQ(said(), "") << "a list is no wish for one of them";
    road();
    EXPECT_EQ(said(), line);
    road();
    EXPECT_EQ(said(), "");
  }
}

TEST_F(ReasonsTest, EachStatusHasItsRemedy) {
  service_.set_status(kSlot, SignerStatus::kPending);
  EXPECT_FALSE(tokens().readable_token(kSlot));
  EXPECT_NE(said().find("sealwright signer install-certificate release"), std::string::npos);
  tokens_.reset();
  service_.set_status(kSlot, SignerStatus::kExpired);
  EXPECT_FALSE(tokens().readable_token(kSlot));
  EXPECT_NE(said().find("sealwright signer renew release"), std::string::npos);
}

TEST_F(ReasonsTest, OfManyThatAreSeenInPassingThreeAreToldOf) {
  for (std::uint32_t number = 21; number < 31; ++number) {
    service_.issue({.name = "old-" + std::to_string(number), .number = number});
    service_.set_status(number, SignerStatus::kExpired);
  }
  for (CK_SLOT_ID number = 21; number < 31; ++number) ASSERT_TRUE(tokens().slot(number));
  const std::string lines = said();
  EXPECT_EQ(std::count(lines.begin(), lines.end(), '\n'), 4);
  EXPECT_NE(lines.find("more signers do not sign: sealwright signer list"), std::string::npos);
  EXPECT_FALSE(tokens().readable_token(30));
  EXPECT_NE(said().find("signer \"old-30\""), std::string::npos) << "that one is wanted";
}

TEST_F(ReasonsTest, ANumberThatIsNoSignersComesWithThoseThatAre) {
  for (int i = 0; i < 2; ++i) EXPECT_FALSE(tokens().slot(99));
  EXPECT_EQ(
      said(),
      "sealwright: slot 99: there is no signer of this number, or this API key is no member of "
      "it; it sees release (7)\n");
}

TEST_F(ReasonsTest, AKeyThatIsAMemberOfNothingIsToldSo) {
  service_.remove(kSlot);
  for (int i = 0; i < 2; ++i) ASSERT_TRUE(tokens().slots());
  EXPECT_FALSE(tokens().slot(kSlot));
  const std::string line = said();
  EXPECT_NE(line.find("member of no signer"), std::string::npos);
  EXPECT_EQ(std::count(line.begin(), line.end(), '\n'), 1);
}

TEST_F(ReasonsTest, WithoutAKeyEveryRoadSaysWhatToSet) {
  settings_.api_key.reset();
  EXPECT_FALSE(tokens().slot(kSlot));
  ASSERT_TRUE(tokens().slots());
  const std::string line = said();
  EXPECT_NE(line.find("SEALWRIGHT_API_KEY"), std::string::npos);
  EXPECT_EQ(std::count(line.begin(), line.end(), '\n'), 1);
  settings_.signers = {{"release", 7}};
  tokens_.reset();
  EXPECT_FALSE(tokens().slot(8));
  EXPECT_NE(said().find("[signers] names no signer of this number, only release (7)"),
            std::string::npos);
}

// The day that is so many from now.
std::string in_days(int days) {
  const std::time_t then = std::time(nullptr) + days * std::time_t{86'400};
  std::ostringstream text;
  text << std::put_time(std::gmtime(&then), "%Y-%m-%dT%H:%M:%SZ");
  return text.str();
}

TEST_F(ReasonsTest, AnEndWithinThirtyDaysIsToldOfTheSignerInUse) {
  const std::string soon = in_days(29);
  service_.issue({.name = "soon", .number = 11, .not_after = soon});
  service_.issue({.name = "later", .number = 12, .not_after = in_days(32)});
  service_.issue({.name = "for-ever", .number = 13, .not_after = "9999-12-31T23:59:59Z"});
  service_.issue({.name = "before-1678", .number = 14, .not_after = "1013-11-25T11:01:17Z"});
  for (CK_SLOT_ID number = 11; number < 15; ++number) ASSERT_TRUE(tokens().token(number));
  EXPECT_EQ(said(), "");
  for (int round = 0; round < 2; ++round) {
    for (CK_SLOT_ID number = 11; number < 15; ++number) {
      ASSERT_TRUE(tokens().readable_token(number));
    }
  }
  EXPECT_EQ(said(), "sealwright: signer soon: the certificate ends on " + soon +
                        "\nsealwright: signer before-1678: the certificate ends on "
                        "1013-11-25T11:01:17Z\n");
}

}  // namespace
}  // namespace sealwright::token
