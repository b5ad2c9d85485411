// Who asks: what is presented to the control plane, and where a newer one comes from.
#include <gtest/gtest.h>

#include <utility>

#include "remote/credential.h"

namespace sealwright::remote {
namespace {

const Secret kOld("swk_" + std::string(43, 'a'));
const Secret kNew("swk_" + std::string(43, 'b'));

// A file that holds the newer one, and how often it was read.
struct File {
  Result<Secret> content = kNew;
  int read = 0;

  Credential credential() {
    return {"a key", kOld, [this] { return ++read, content; }};
  }
};

TEST(Credential, IsRenewedFromItsSource) {
  File file;
  const Credential credential = file.credential();
  EXPECT_TRUE(credential.bearer() == kOld);
  EXPECT_TRUE(credential.renew(kOld));
  EXPECT_TRUE(credential.bearer() == kNew);
}

TEST(Credential, IsOneWithItsCopies) {
  File file;
  const Credential credential = file.credential();
  const Credential copy(credential);
  EXPECT_TRUE(credential.renew(kOld));
  EXPECT_TRUE(copy.bearer() == kNew);
}

TEST(Credential, AsksOnceForAllThatWereRefusedTheSame) {
  File file;
  const Credential credential = file.credential();
  EXPECT_TRUE(credential.renew(kOld));
  EXPECT_TRUE(credential.renew(kOld));
  EXPECT_EQ(file.read, 1);
}

TEST(Credential, ThatItsSourceStillHoldsIsNotRenewed) {
  File file{kOld};
  EXPECT_FALSE(file.credential().renew(kOld));
}

TEST(Credential, WhoseSourceIsGoneIsNotRenewed) {
  File file{fail(CKR_GENERAL_ERROR, "no such file")};
  const Credential credential = file.credential();
  EXPECT_FALSE(credential.renew(kOld));
  EXPECT_TRUE(credential.bearer() == kOld);
}

TEST(Credential, WithoutASourceIsWhatItIs) {
  EXPECT_FALSE(Credential("a key", kOld).renew(kOld));
  EXPECT_FALSE(Credential("a key", kOld).renew(kNew));
}

TEST(Credential, IsTheKeyOfTheSettings) {
  Settings settings;
  EXPECT_FALSE(configured_credential(settings));
  settings.api_key = kOld;
  EXPECT_FALSE(configured_credential(settings)->renew(kOld));
  settings.read_api_key_again = [] { return Result<Secret>(kNew); };
  EXPECT_TRUE(configured_credential(settings)->renew(kOld));
}

}  // namespace
}  // namespace sealwright::remote
