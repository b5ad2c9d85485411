// Points in time that end a call, and who can end it earlier.
#include <gtest/gtest.h>

#include "base/deadline.h"

namespace sealwright {
namespace {

using namespace std::chrono_literals;

TEST(Deadline, PassesAfterItsSpan) {
  EXPECT_TRUE(Deadline::after(0ms).passed());
  EXPECT_EQ(Deadline::after(-5ms).left(), 0ms);
  const Deadline later = Deadline::after(1h);
  EXPECT_FALSE(later.passed());
  EXPECT_GT(later.left(), 59min);
  EXPECT_EQ(later.until_next_look(), later.left());
}

TEST(Deadline, APhaseEndsWithTheWholeAtTheLatest) {
  EXPECT_LE(Deadline::after(1h).within(1min).left(), 1min);
  EXPECT_TRUE(Deadline::after(0ms).within(1min).passed());
}

TEST(Deadline, PassesAtOnceWhenCalledOffWithAllItsPhases) {
  std::atomic<bool> called_off{false};
  const Deadline whole = Deadline::after(1h).unless(called_off);
  const Deadline phase = whole.within(1min);
  EXPECT_FALSE(whole.passed() || phase.passed());
  EXPECT_LE(phase.until_next_look(), 250ms) << "a sleeper must notice soon";
  called_off = true;
  EXPECT_TRUE(whole.passed() && phase.passed());
  EXPECT_EQ(phase.left(), 0ms);
}

}  // namespace
}  // namespace sealwright
