// Where lines go.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/log.h"

namespace sealwright {
namespace {

constexpr uid_t kStranger = 54'321;

class LogFile : public ::testing::Test {
 protected:
  void SetUp() override { std::filesystem::create_directories(folder_ / "own"); }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  static std::string read(const std::filesystem::path& file) {
    std::ostringstream text;
    text << std::ifstream(file).rdbuf();
    return text.str();
  }
  // Two lines to that file; what stderr says meanwhile.
  static std::string log_to(const std::filesystem::path& file) {
    ::testing::internal::CaptureStderr();
    {
      const Log log(LogLevel::kWarning, file);
      log.tell("one");
      log.write(LogLevel::kError, "two");
    }
    return ::testing::internal::GetCapturedStderr();
  }
  static std::string instead(const std::filesystem::path& file, const std::string& why) {
    return "sealwright: log file " + file.string() + ": " + why +
           "; its lines go to stderr\nsealwright: one\nsealwright: two\n";
  }

  const std::filesystem::path folder_ =
      std::filesystem::temp_directory_path() / ("sw-log-" + std::to_string(::getpid()));
};

TEST_F(LogFile, TakesTheLines) {
  EXPECT_EQ(log_to(folder_ / "log"), "");
  EXPECT_EQ(read(folder_ / "log"), "sealwright: one\nsealwright: two\n");
}

TEST_F(LogFile, CutsALineThatIsTooLongAndEndsItAsALine) {
  {
    const Log log(LogLevel::kInfo, folder_ / "log");
    log.write(LogLevel::kInfo, std::string(10'000, 'x'));
    log.write(LogLevel::kInfo, "the next one");
  }
  std::ifstream file(folder_ / "log");
  std::string first;
  std::string second;
  std::getline(file, first);
  std::getline(file, second);
  EXPECT_EQ(first.size(), 4095U);
  EXPECT_TRUE(second.ends_with("the next one")) << second;
}

TEST_F(LogFile, ThatCannotBeOpenedLeavesThemToStderr) {
  const std::filesystem::path file = folder_ / "none" / "log";
  EXPECT_EQ(log_to(file), instead(file, "No such file or directory"));
}

TEST_F(LogFile, IsNoLinkToWhatIsNotThere) {
  std::filesystem::create_symlink(folder_ / "own" / "log", folder_ / "log");
  EXPECT_EQ(log_to(folder_ / "log"), instead(folder_ / "log", "Too many levels of symbolic links"));
  EXPECT_FALSE(std::filesystem::exists(folder_ / "own" / "log"));
}

TEST_F(LogFile, MayBeAnOwnLinkToAnOwnFile) {
  std::ofstream(folder_ / "own" / "log").flush();
  std::filesystem::create_symlink("own/log", folder_ / "log");
  EXPECT_EQ(log_to(folder_ / "log"), "");
  EXPECT_EQ(read(folder_ / "own" / "log"), "sealwright: one\nsealwright: two\n");
}

TEST_F(LogFile, IsNoLinkToTheFileOfAStranger) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root gives files away";
  const std::filesystem::path theirs = folder_ / "own" / "log";
  std::ofstream(theirs).flush();
  ASSERT_EQ(::chown(theirs.c_str(), kStranger, kStranger), 0);
  std::filesystem::create_symlink(theirs, folder_ / "log");
  EXPECT_EQ(log_to(folder_ / "log"), instead(folder_ / "log", "Too many levels of symbolic links"));
  EXPECT_EQ(read(theirs), "");
}

TEST_F(LogFile, MayStandBehindAnOwnLinkToAnOwnFolder) {
  std::filesystem::create_directory_symlink("own", folder_ / "link");
  EXPECT_EQ(log_to(folder_ / "link" / "log"), "");
  EXPECT_EQ(read(folder_ / "own" / "log"), "sealwright: one\nsealwright: two\n");
}

TEST_F(LogFile, StandsBehindNoLinkThatAStrangerHasAHandIn) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root may give things away";
  const std::filesystem::path link = folder_ / "link";
  std::filesystem::create_directory_symlink("own", link);
  ASSERT_EQ(::lchown(link.c_str(), kStranger, kStranger), 0);
  EXPECT_EQ(log_to(link / "log"), instead(link / "log", "Too many levels of symbolic links"));

  ASSERT_EQ(::lchown(link.c_str(), 0, 0), 0);
  ASSERT_EQ(::chown((folder_ / "own").c_str(), kStranger, kStranger), 0);
  EXPECT_EQ(log_to(link / "log"), instead(link / "log", "Too many levels of symbolic links"));
  EXPECT_FALSE(std::filesystem::exists(folder_ / "own" / "log"));
}

}  // namespace
}  // namespace sealwright
