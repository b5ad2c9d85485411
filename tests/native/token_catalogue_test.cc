// When the list of signers is fetched, and what serves meanwhile.
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <thread>
#include <vector>

#include "local_signing_service.h"
#include "token/catalogue.h"

namespace sealwright::token {
namespace {

using crypto::KeyKind;

class CatalogueTest : public ::testing::Test {
 protected:
  CatalogueTest() { service_.issue({"release", 7, &crypto::kEc}); }

  std::shared_ptr<const Signer> signer(CK_SLOT_ID number) {
    const auto snapshot = catalogue_.refreshed();
    return snapshot && (*snapshot)->contains(number) ? (*snapshot)->at(number) : nullptr;
  }

  void let_it_age() { time_ += Catalogue::kFresh; }

  test::LocalSigningService service_;
  Handles handles_;
  Log log_{LogLevel::kOff, ""};
  Catalogue::Clock::time_point time_;
  Catalogue catalogue_{{"a key", Secret(test::kApiKey)}, false, service_, handles_, log_,
                       [this] { return time_; }};
};

TEST_F(CatalogueTest, IsFetchedAgainWhenItIsNoLongerFresh) {
  EXPECT_EQ(signer(3), nullptr);
  service_.issue({"nightly", 3, &crypto::kEc});
  EXPECT_EQ(signer(3), nullptr);
  let_it_age();
  EXPECT_NE(signer(3), nullptr);
  EXPECT_EQ(service_.fetches, 2);
}

TEST_F(CatalogueTest, WhatIsHeldIsNeverFetchedAgain) {
  ASSERT_TRUE(catalogue_.held());
  let_it_age();
  ASSERT_TRUE(catalogue_.held());
  EXPECT_EQ(service_.fetches, 1);
}

TEST_F(CatalogueTest, AnUnchangedSignerKeepsItsParsedFormAndHandles) {
  const auto before = signer(7);
  service_.issue({"nightly", 3, &crypto::kEc});
  let_it_age();
  EXPECT_EQ(signer(7), before);
  service_.set_status(7, remote::SignerStatus::kDisabled);
  let_it_age();
  const auto disabled = signer(7);
  EXPECT_NE(disabled, before);
  EXPECT_EQ(*disabled->objects(), *before->objects()) << "same key and certificate, same handles";
}

TEST_F(CatalogueTest, ARenewalMakesNewHandles) {
  const auto before = signer(7);
  service_.issue({"release", 7, &crypto::kEc});
  let_it_age();
  const auto after = signer(7);
  for (const std::size_t own : {0U, 1U, 2U}) {
    EXPECT_NE(after->objects()->at(own)->handle, before->objects()->at(own)->handle);
  }
  EXPECT_EQ(after->objects()->at(3), before->objects()->at(3))
      << "the issuing certificate is the same";
}

TEST_F(CatalogueTest, AnUnreachableServerMakesNoTokenDisappear) {
  ASSERT_TRUE(signer(7)->has_token());
  service_.unreachable = true;
  let_it_age();
  EXPECT_TRUE(signer(7)->has_token());
  EXPECT_EQ(service_.fetches, 2);
  EXPECT_TRUE(signer(7)->has_token());
  EXPECT_EQ(service_.fetches, 2) << "not asked again at once";
  service_.unreachable = false;
  time_ += Catalogue::kFirstPause;
  EXPECT_TRUE(signer(7)->has_token());
  EXPECT_EQ(service_.fetches, 3);
}

TEST_F(CatalogueTest, AServerThatStaysAwayIsAskedEverMoreSeldomAndNoMoreAnHourThanTwelveTimes) {
  service_.unreachable = true;
  EXPECT_FALSE(catalogue_.held());
  int asked = 1;
  for (const int pause : {1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300}) {
    time_ += std::chrono::seconds(pause - 1);
    EXPECT_FALSE(catalogue_.refreshed());
    EXPECT_EQ(service_.fetches, asked) << "after less than " << pause << " s";
    time_ += std::chrono::seconds(1);
    EXPECT_FALSE(catalogue_.refreshed());
    EXPECT_EQ(service_.fetches, ++asked) << "after " << pause << " s";
  }
}

TEST_F(CatalogueTest, AnAnswerBringsTheFirstPauseBack) {
  ASSERT_TRUE(signer(7));
  service_.unreachable = true;
  let_it_age();
  ASSERT_TRUE(signer(7));
  time_ += Catalogue::kFirstPause;
  ASSERT_TRUE(signer(7));
  service_.unreachable = false;
  let_it_age();
  ASSERT_TRUE(signer(7));
  service_.unreachable = true;
  let_it_age();
  ASSERT_TRUE(signer(7));
  const int before = service_.fetches;
  time_ += Catalogue::kFirstPause;
  ASSERT_TRUE(signer(7));
  EXPECT_EQ(service_.fetches, before + 1);
}

TEST_F(CatalogueTest, OnlyTheFirstListIsWorthALongWait) {
  ASSERT_TRUE(signer(7));
  EXPECT_EQ(service_.last_held, std::nullopt);
  let_it_age();
  ASSERT_TRUE(signer(7));
  EXPECT_NE(service_.last_held, std::nullopt);
}

TEST_F(CatalogueTest, AVanishedSignerIsASlotWithoutAToken) {
  ASSERT_TRUE(signer(7)->has_token());
  service_.remove(7);
  let_it_age();
  ASSERT_NE(signer(7), nullptr);
  EXPECT_FALSE(signer(7)->has_token());
}

TEST_F(CatalogueTest, ARetryAfterAFirstFailureSucceeds) {
  service_.unreachable = true;
  EXPECT_FALSE(catalogue_.held());
  service_.unreachable = false;
  EXPECT_FALSE(catalogue_.held()) << "the pause is not over";
  time_ += Catalogue::kFirstPause;
  EXPECT_TRUE(catalogue_.held());
}

TEST_F(CatalogueTest, ManyThreadsThatWantASignerFirstReadItOnce) {
  const auto release = signer(7);
  std::array<const Signer::Objects*, 8> read{};
  std::vector<std::thread> threads;
  for (const Signer::Objects*& mine : read) {
    threads.emplace_back([&mine, &release] { mine = release->objects(); });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  ASSERT_NE(read[0], nullptr);
  EXPECT_EQ(read[0]->size(), 5U);
  for (const Signer::Objects* other : read) {
    EXPECT_EQ(other, read[0]);
  }
}

TEST_F(CatalogueTest, OneOfManyThreadsFetches) {
  std::atomic<int> served{0};
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 8; ++thread) {
    threads.emplace_back([&] { served += catalogue_.refreshed() ? 1 : 0; });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  EXPECT_EQ(served, 8);
  EXPECT_EQ(service_.fetches, 1);
}

}  // namespace
}  // namespace sealwright::token
