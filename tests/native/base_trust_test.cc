// Which files and folders somebody else has a hand in.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>

#include "base/trust.h"

namespace sealwright {
namespace {

constexpr uid_t kStranger = 54'321;

class Trust : public ::testing::Test {
 protected:
  void SetUp() override { std::filesystem::create_directories(folder_); }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  [[nodiscard]] std::string at(const std::string& name) const { return folder_ + "/" + name; }
  std::string make_folder(const std::string& name, mode_t mode) {
    std::filesystem::create_directories(at(name));
    ::chmod(at(name).c_str(), mode);
    return at(name);
  }
  std::string make_file(const std::string& name) {
    std::ofstream(at(name)) << "x";
    return at(name);
  }
  std::string link(const std::string& name, const std::string& target) {
    std::filesystem::create_symlink(target, at(name));
    return at(name);
  }
  static struct stat facts(uid_t owner, gid_t group, mode_t mode) {
    struct stat facts {};
    facts.st_uid = owner;
    facts.st_gid = group;
    facts.st_mode = S_IFREG | mode;
    return facts;
  }

  // The system's own folder for such things is sticky.
  const std::string folder_ = "/tmp/sw-trust-" + std::to_string(::getpid());
};

TEST_F(Trust, OnlyRootAndTheUserMayChangeAFile) {
  for (const uid_t owner : {uid_t{0}, ::geteuid()}) {
    EXPECT_FALSE(is_changeable_by_others(facts(owner, kStranger, 0644)));
    EXPECT_TRUE(is_changeable_by_others(facts(owner, ::getegid(), 0664)));
    EXPECT_TRUE(is_changeable_by_others(facts(owner, ::getegid(), 0602)));
  }
  EXPECT_TRUE(is_changeable_by_others(facts(kStranger, 0, 0400)));
}

TEST_F(Trust, ASecretMayBeReadByTheGroupThatRootMeans) {
  for (const mode_t mode : {0640U, 0440U}) {
    EXPECT_FALSE(is_readable_by_others(facts(0, ::getegid(), mode)));
    EXPECT_TRUE(is_readable_by_others(facts(0, kStranger, mode)));
    EXPECT_TRUE(is_readable_by_others(facts(kStranger, ::getegid(), mode)));
  }
  EXPECT_TRUE(is_readable_by_others(facts(0, ::getegid(), 0644)));
  EXPECT_FALSE(is_readable_by_others(facts(::geteuid(), kStranger, 0600)));
}

TEST_F(Trust, AWayLeadsThroughLinksToTheFile) {
  make_folder("..2026", 0755);
  const std::string file = make_file("..2026/key");
  link("..data", "..2026");
  const Way way = way_to(link("key", "..data/./key"));
  EXPECT_EQ(way.fault, 0);
  EXPECT_EQ(way.end, file);
  EXPECT_TRUE(way.by_link);
  EXPECT_FALSE(way.by_strangers);
  EXPECT_TRUE(way.open_folders.empty());
  EXPECT_EQ(way_to(at("..2026/../..2026/key")).end, file);
}

TEST_F(Trust, AFolderThatOthersMayWriteToIsNamed) {
  const std::string open = make_folder("open", 0777);
  make_folder("open/own", 0755);
  const std::string file = make_file("open/own/key");
  EXPECT_EQ(way_to(file).open_folders, std::vector<std::string>{open});
  EXPECT_EQ(way_to(link("key", file)).open_folders, std::vector<std::string>{open});
  ::chmod(open.c_str(), 01777);  // nobody may move there what is not theirs
  EXPECT_TRUE(way_to(file).open_folders.empty());
}

TEST_F(Trust, AWayThatEndsEarlySaysWhy) {
  EXPECT_EQ(way_to(at("none/key")).fault, ENOENT);
  EXPECT_EQ(way_to(make_file("file") + "/key").fault, ENOTDIR);
  EXPECT_EQ(way_to(link("ring", "ring")).fault, ELOOP);
}

TEST_F(Trust, WhatAStrangerOwnsIsNamed) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root may give things away";
  const std::string theirs = make_folder("theirs", 0755);
  const std::string file = make_file("theirs/key");
  ASSERT_EQ(::chown(theirs.c_str(), kStranger, kStranger), 0);
  EXPECT_EQ(way_to(file).open_folders, std::vector<std::string>{theirs});

  const std::string sticky = make_folder("sticky", 01777);
  const std::string planted = link("sticky/link", make_folder("own", 0755));
  ASSERT_EQ(::lchown(planted.c_str(), kStranger, kStranger), 0);
  const Way way = way_to(planted);
  EXPECT_TRUE(way.by_strangers);
  EXPECT_EQ(way.open_folders, std::vector<std::string>{sticky});
}

}  // namespace
}  // namespace sealwright
