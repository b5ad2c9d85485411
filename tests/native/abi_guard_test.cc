// The wall between C callers and C++.
#include <gtest/gtest.h>

#include <new>
#include <stdexcept>
#include <string>

#include "abi/guard.h"

namespace sealwright::abi {
namespace {

template <typename Thrown>
CK_RV answer_to(const Thrown& thrown) {
  try {
    throw thrown;
  } catch (...) {
    return answer_to_exception("C_Sign", Log(LogLevel::kWarning, ""));
  }
}

TEST(Guard, AnExceptionThatNobodyExpectsLeavesALine) {
  ::testing::internal::CaptureStderr();
  EXPECT_EQ(answer_to(std::logic_error("a bad index")), CKR_GENERAL_ERROR);
  EXPECT_EQ(answer_to(42), CKR_GENERAL_ERROR);
  EXPECT_EQ(::testing::internal::GetCapturedStderr(),
            "sealwright: C_Sign failed by a fault of the module, please report it: a bad index\n"
            "sealwright: C_Sign failed by a fault of the module, please report it: something was "
            "thrown that is no exception\n");
}

TEST(Guard, MemoryThatRanOutLeavesNone) {
  ::testing::internal::CaptureStderr();
  EXPECT_EQ(answer_to(std::bad_alloc()), CKR_HOST_MEMORY);
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "");
}

}  // namespace
}  // namespace sealwright::abi
