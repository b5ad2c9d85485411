// Files that are made whole, and replace nothing.
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>

#include "base/new_file.h"

namespace sealwright {
namespace {

constexpr uid_t kStranger = 54'321;

class NewFile : public ::testing::Test {
 protected:
  void SetUp() override { std::filesystem::create_directories(folder_ / "own"); }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  int make(const std::string& text, const std::filesystem::path& in = "own") const {
    return make_file(folder_ / in, "one", text);
  }
  std::string read() const {
    std::ostringstream text;
    text << std::ifstream(folder_ / "own" / "one").rdbuf();
    return text.str();
  }
  // Names in the folder, hidden ones too.
  std::ptrdiff_t count() const {
    return std::distance(std::filesystem::directory_iterator(folder_ / "own"), {});
  }

  const std::filesystem::path folder_ =
      std::filesystem::temp_directory_path() / ("sw-new-" + std::to_string(::getpid()));
};

TEST_F(NewFile, IsReadableByThoseWhomTheUmaskLets) {
  for (const mode_t mask : {0022U, 0077U}) {
    const mode_t before = ::umask(mask);
    EXPECT_EQ(make("text"), 0);
    ::umask(before);
    struct stat facts {};
    ASSERT_EQ(::stat((folder_ / "own" / "one").c_str(), &facts), 0);
    EXPECT_EQ(facts.st_mode & 07777U, 0644U & ~mask);
    EXPECT_EQ(read(), "text");
    EXPECT_EQ(count(), 1);
    std::filesystem::remove(folder_ / "own" / "one");
  }
}

TEST_F(NewFile, ReplacesNothing) {
  EXPECT_EQ(make("first"), 0);
  EXPECT_EQ(make("second"), EEXIST);
  EXPECT_EQ(read(), "first");
  EXPECT_EQ(count(), 1);
}

TEST_F(NewFile, IsNotMadeThroughALink) {
  const std::filesystem::path outside = folder_ / "outside";
  for (const char* name : {"one", ".one.new"}) {
    std::filesystem::create_symlink(outside, folder_ / "own" / name);
    EXPECT_EQ(make("text"), EEXIST) << name;
    EXPECT_FALSE(std::filesystem::exists(outside)) << name;
    EXPECT_TRUE(std::filesystem::is_symlink(folder_ / "own" / name));
    std::filesystem::remove(folder_ / "own" / name);
  }
}

TEST_F(NewFile, NeedsAFolder) {
  std::ofstream(folder_ / "file").flush();
  EXPECT_EQ(make("text", "none"), ENOENT);
  EXPECT_EQ(make("text", "file"), ENOTDIR);
  EXPECT_FALSE(std::filesystem::exists(folder_ / "none"));
}

TEST_F(NewFile, IsMadeInTheFolderOfAnOwnLinkAndOfNobodyElses) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root may give a link to somebody else";
  const std::filesystem::path link = folder_ / "link";
  std::filesystem::create_directory_symlink("own", link);
  EXPECT_EQ(make("text", "link"), 0);
  std::filesystem::remove(folder_ / "own" / "one");
  ASSERT_EQ(::lchown(link.c_str(), kStranger, kStranger), 0);
  EXPECT_EQ(make("text", "link"), ELOOP);
  EXPECT_EQ(count(), 0);
}

TEST_F(NewFile, LeavesNothingWhereThereIsNoRoomAndNoSignal) {
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const rlimit small{10, before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  const int fault = make(std::string(100, 'x'));
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  EXPECT_EQ(fault, EFBIG);
  EXPECT_EQ(count(), 0);
}

}  // namespace
}  // namespace sealwright
