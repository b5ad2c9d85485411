#include "base/trust.h"

#include <sys/auxv.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <deque>
#include <filesystem>
#include <string_view>

namespace sealwright {
namespace {

constexpr int kMostLinks = 40;  // as the kernel has it

bool is_own_group(gid_t group) {
  if (group == ::getegid()) return true;
  const int count = ::getgroups(0, nullptr);
  if (count <= 0) return false;
  std::vector<gid_t> groups(static_cast<std::size_t>(count));
  const int got = ::getgroups(count, groups.data());
  return got > 0 && std::find(groups.begin(), groups.begin() + got, group) != groups.begin() + got;
}

// What is in a sticky folder stays its owner's.
bool is_open_folder(const struct stat& facts) {
  if (!is_trusted_owner(facts.st_uid)) return true;
  return (facts.st_mode & (S_IWGRP | S_IWOTH)) != 0 && (facts.st_mode & S_ISVTX) == 0;
}

std::deque<std::string> components_of(std::string_view path) {
  std::deque<std::string> parts;
  while (!path.empty()) {
    const std::string_view part = path.substr(0, path.find('/'));
    path.remove_prefix(std::min(part.size() + 1, path.size()));
    if (!part.empty() && part != ".") parts.emplace_back(part);
  }
  return parts;
}

class Walker {
 public:
  Way walk(const std::string& path) {
    rest_ = components_of(path);
    if (!path.starts_with('/')) start_at_current_folder();
    if (way_.fault == 0) enter_folder("/");
    while (way_.fault == 0 && !rest_.empty()) {
      const std::string name = std::move(rest_.front());
      rest_.pop_front();
      step(name);
    }
    if (way_.fault == 0) way_.end = here_.empty() ? "/" : here_;
    return std::move(way_);
  }

 private:
  void start_at_current_folder() {
    std::error_code fault;
    const std::string folder = std::filesystem::current_path(fault);
    if (fault) {
      way_.fault = fault.value();
      return;
    }
    const std::deque<std::string> above = components_of(folder);
    rest_.insert(rest_.begin(), above.begin(), above.end());
  }

  // here_ is a folder, named without links; "" is the root.
  void step(const std::string& name) {
    if (name == "..") {
      here_.resize(here_.empty() ? 0 : here_.rfind('/'));
      return;
    }
    const std::string next = here_ + "/" + name;
    struct stat facts {};
    if (::lstat(next.c_str(), &facts) != 0) {
      way_.fault = errno;
    } else if (S_ISLNK(facts.st_mode)) {
      follow(next, facts);
    } else if (S_ISDIR(facts.st_mode)) {
      enter_folder(next);
      here_ = next;
    } else if (rest_.empty()) {
      here_ = next;
    } else {
      way_.fault = ENOTDIR;
    }
  }

  void follow(const std::string& link, const struct stat& facts) {
    std::array<char, PATH_MAX> target{};
    const ssize_t size = ::readlink(link.c_str(), target.data(), target.size());
    if (size <= 0 || ++links_ > kMostLinks) {
      way_.fault = size < 0 ? errno : ELOOP;
      return;
    }
    way_.by_link = true;
    if (!is_trusted_owner(facts.st_uid)) {
      way_.by_strangers = true;
      remember_open(here_.empty() ? "/" : here_);
    }
    const std::string_view text(target.data(), static_cast<std::size_t>(size));
    if (text.starts_with('/')) here_.clear();
    const std::deque<std::string> more = components_of(text);
    rest_.insert(rest_.begin(), more.begin(), more.end());
  }

  void enter_folder(const std::string& folder) {
    struct stat facts {};
    if (::lstat(folder.c_str(), &facts) != 0) {
      way_.fault = errno;
    } else if (is_open_folder(facts)) {
      remember_open(folder);
    }
  }

  void remember_open(const std::string& folder) {
    std::vector<std::string>& known = way_.open_folders;
    if (std::find(known.begin(), known.end(), folder) == known.end()) known.push_back(folder);
  }

  Way way_;
  std::string here_;
  std::deque<std::string> rest_;
  int links_ = 0;
};

}  // namespace

bool is_privileged() noexcept { return ::getauxval(AT_SECURE) != 0; }

bool is_trusted_owner(uid_t owner) noexcept { return owner == 0 || owner == ::geteuid(); }

bool is_changeable_by_others(const struct stat& facts) noexcept {
  return !is_trusted_owner(facts.st_uid) || (facts.st_mode & (S_IWGRP | S_IWOTH)) != 0;
}

bool is_readable_by_others(const struct stat& facts) {
  if ((facts.st_mode & S_IROTH) != 0) return true;
  const bool meant = facts.st_uid == 0 && is_own_group(facts.st_gid);
  return (facts.st_mode & S_IRGRP) != 0 && !meant;
}

Way way_to(const std::string& path) { return Walker().walk(path); }

}  // namespace sealwright
