// The objects that sessions make: whose they are, who sees them, and when they are gone.
#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "session/session.h"
#include "token/handles.h"

namespace sealwright::session {
namespace {

constexpr CK_SLOT_ID kSlot = 7;
constexpr CK_SLOT_ID kOtherSlot = 8;

token::Object an_object(CK_SLOT_ID slot = kSlot) {
  token::Object object;
  object.slot = slot;
  object.handle = token::new_object_handle();
  return object;
}

class SessionObjects : public ::testing::Test {
 protected:
  std::shared_ptr<Session> open(CK_SLOT_ID slot = kSlot) {
    return *sessions_.find(sessions_.open(slot, false));
  }
  CK_OBJECT_HANDLE made_by(const Session& maker) {
    token::Object object = an_object(maker.slot());
    const CK_OBJECT_HANDLE handle = object.handle;
    EXPECT_TRUE(sessions_.add_object(maker, std::move(object)));
    return handle;
  }
  bool is_there(CK_OBJECT_HANDLE handle, CK_SLOT_ID slot = kSlot) {
    return sessions_.object(slot, handle) != nullptr;
  }

  Sessions sessions_;
};

TEST_F(SessionObjects, AreOfTheirTokenAlone) {
  const auto handle = made_by(*open());
  EXPECT_TRUE(is_there(handle));
  EXPECT_FALSE(is_there(handle, kOtherSlot));
  EXPECT_EQ(sessions_.objects(kSlot).size(), 1U);
  EXPECT_TRUE(sessions_.objects(kOtherSlot).empty());
  EXPECT_FALSE(sessions_.destroy_object(kOtherSlot, handle));
  EXPECT_TRUE(is_there(handle));
}

TEST_F(SessionObjects, AreGoneWithTheSessionThatMadeThem) {
  const auto maker = open();
  const auto gone = made_by(*maker);
  const auto kept = made_by(*open());
  ASSERT_TRUE(sessions_.close(maker->handle()));
  EXPECT_FALSE(is_there(gone));
  EXPECT_TRUE(is_there(kept));
}

TEST_F(SessionObjects, AreGoneWithAllSessionsOfTheToken) {
  const auto gone = made_by(*open());
  const auto kept = made_by(*open(kOtherSlot));
  sessions_.close_all(kSlot);
  EXPECT_FALSE(is_there(gone));
  EXPECT_TRUE(is_there(kept, kOtherSlot));
}

TEST_F(SessionObjects, AreNotMadeByASessionThatWasClosedMeanwhile) {
  const auto maker = open();
  ASSERT_TRUE(sessions_.close(maker->handle()));
  const auto added = sessions_.add_object(*maker, an_object());
  ASSERT_FALSE(added);
  EXPECT_EQ(added.error().rv, CKR_SESSION_HANDLE_INVALID);
  EXPECT_TRUE(sessions_.objects(kSlot).empty());
}

TEST_F(SessionObjects, AreDestroyedOnceAndLiveOnForWhoeverHoldsThem) {
  const auto handle = made_by(*open());
  const auto held = sessions_.object(kSlot, handle);
  EXPECT_TRUE(sessions_.destroy_object(kSlot, handle));
  EXPECT_FALSE(sessions_.destroy_object(kSlot, handle));
  EXPECT_FALSE(is_there(handle));
  EXPECT_EQ(held->handle, handle);
}

TEST_F(SessionObjects, AreSoManyOfOneSessionAndNoMore) {
  const auto maker = open();
  const auto first = made_by(*maker);
  for (std::size_t i = 1; i < Sessions::kMostObjects; ++i) made_by(*maker);
  const auto added = sessions_.add_object(*maker, an_object());
  ASSERT_FALSE(added);
  EXPECT_EQ(added.error().rv, CKR_DEVICE_MEMORY);
  made_by(*open());  // another session has room of its own
  EXPECT_TRUE(sessions_.destroy_object(kSlot, first));
  made_by(*maker);
}

TEST_F(SessionObjects, AreMadeUsedAndDestroyedByManyThreads) {
  constexpr int kThreads = 4;
  constexpr int kRounds = 200;
  const auto shared = open();
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([this, &shared] {
      for (int round = 0; round < kRounds; ++round) {
        const auto own = open();
        const auto here = made_by(*own);
        const auto there = made_by(*shared);
        EXPECT_TRUE(is_there(here) && is_there(there));
        EXPECT_FALSE(sessions_.objects(kSlot).empty());
        EXPECT_TRUE(sessions_.destroy_object(kSlot, there));
        EXPECT_TRUE(sessions_.close(own->handle()));
        EXPECT_FALSE(is_there(here));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_TRUE(sessions_.objects(kSlot).empty());
}

}  // namespace
}  // namespace sealwright::session
