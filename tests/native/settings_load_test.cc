// Where the module's settings come from, and how a mistake in them is reported.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "settings/load.h"

namespace sealwright::settings {
namespace {

const std::string kKey = "swk_" + std::string(43, 'k');
const std::string kOther = "swk_" + std::string(43, 'o');

constexpr uid_t kStranger = 54'321;

class Config : public ::testing::Test {
 protected:
  void SetUp() override {
    for (const char* name : kVariables) ::unsetenv(name);
    for (const char* name : {"SSL_CERT_FILE", "SSL_CERT_DIR"}) ::unsetenv(name);
    std::filesystem::create_directories(folder_);
    ::setenv("HOME", folder_.c_str(), 1);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string write(const std::string& name, const std::string& text, mode_t mode = 0600) {
    const std::filesystem::path path = folder_ / name;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path) << text;
    ::chmod(path.c_str(), mode);
    return path;
  }
  // A configuration file that is used.
  std::string use(const std::string& text, mode_t mode = 0600) {
    const std::string path = write("pkcs11.toml", text, mode);
    ::setenv("SEALWRIGHT_CONFIG", path.c_str(), 1);
    return path;
  }
  static void expect_refused(const std::string& message) {
    const auto settings = load_settings();
    ASSERT_FALSE(settings);
    EXPECT_EQ(settings.error().rv, CKR_GENERAL_ERROR);
    EXPECT_TRUE(settings.error().for_person);
    EXPECT_EQ(settings.error().message, message);
  }

  static constexpr const char* kVariables[] = {"SEALWRIGHT_CONFIG",
                                               "SEALWRIGHT_URL",
                                               "SEALWRIGHT_API_KEY",
                                               "SEALWRIGHT_API_KEY_FILE",
                                               "SEALWRIGHT_CA_FILE",
                                               "SEALWRIGHT_CLIENT_CERT",
                                               "SEALWRIGHT_CLIENT_KEY",
                                               "SEALWRIGHT_LOG_LEVEL",
                                               "SEALWRIGHT_LOG_FILE",
                                               "SEALWRIGHT_INSECURE",
                                               "SEALWRIGHT_LOGIN_REQUIRED",
                                               "SEALWRIGHT_CONNECT_TIMEOUT",
                                               "SEALWRIGHT_REQUEST_TIMEOUT",
                                               "SEALWRIGHT_LIST_TIMEOUT",
                                               "SEALWRIGHT_APPROVAL_REQUEST",
                                               "SEALWRIGHT_APPROVAL_WINDOW",
                                               "SEALWRIGHT_APPROVAL_SIGNINGS",
                                               "SEALWRIGHT_APPROVAL_JUSTIFICATION",
                                               "SEALWRIGHT_APPROVAL_WAIT"};
  const std::filesystem::path folder_ =
      std::filesystem::temp_directory_path() / ("sw-config-" + std::to_string(::getpid()));
};

TEST_F(Config, ALetterOutsideQuotesIsRefusedWhereItStands) {
  const std::string path = use("url = \"http://localhost\"\n[signers]\nétage = 7\n");
  const auto settings = load_settings();
  ASSERT_FALSE(settings);
  EXPECT_TRUE(settings.error().message.starts_with(path + ":3: ")) << settings.error().message;
}

TEST_F(Config, WithNothingSetHasTheDefaults) {
  const auto settings = load_settings();
  ASSERT_TRUE(settings) << settings.error().message;
  EXPECT_TRUE(settings->urls.empty());
  EXPECT_FALSE(settings->api_key);
  EXPECT_EQ(settings->connect_timeout, std::chrono::seconds(5));
  EXPECT_EQ(settings->request_timeout, std::chrono::seconds(30));
  EXPECT_EQ(settings->list_timeout, std::chrono::seconds(15));
  EXPECT_EQ(settings->log_level, LogLevel::kWarning);
  EXPECT_FALSE(settings->approval.request);
  EXPECT_FALSE(settings->approval.window);
  EXPECT_FALSE(settings->approval.signings);
  EXPECT_TRUE(settings->approval.justification.empty());
  EXPECT_EQ(settings->approval.wait, std::chrono::seconds(0));
}

TEST_F(Config, AFileMaySetEverything) {
  use("url = [\"https://a\", \"unix:/s\"]\napi_key = \"" + kKey +
      "\"\nlogin_required = true\ninsecure = true\n"
      "[signers]\nrelease = 7\n[tls]\nca_file = \"/ca\"\n"
      "[timeouts]\nconnect = 2\nrequest = 1.5\nlist = 7\n"
      "[approval]\nrequest = true\nwindow = \"8h\"\nsignings = 3\njustification = \"why\"\n"
      "wait = \"10m\"\n[log]\nlevel = \"debug\"\nfile = \"/log\"\n"
      "[receipts]\ndirectory = \"/receipts\"\n");
  const auto settings = load_settings();
  ASSERT_TRUE(settings) << settings.error().message;
  EXPECT_EQ(settings->urls, (std::vector<std::string>{"https://a", "unix:/s"}));
  EXPECT_EQ(settings->api_key->reveal(), kKey);
  EXPECT_TRUE(settings->login_required);
  EXPECT_TRUE(settings->insecure);
  EXPECT_EQ(settings->signers, (std::map<std::string, std::uint32_t>{{"release", 7}}));
  EXPECT_EQ(settings->tls.ca_file, "/ca");
  EXPECT_EQ(settings->connect_timeout, std::chrono::seconds(2));
  EXPECT_EQ(settings->request_timeout, std::chrono::milliseconds(1500));
  EXPECT_EQ(settings->list_timeout, std::chrono::seconds(7));
  EXPECT_EQ(settings->log_level, LogLevel::kDebug);
  EXPECT_EQ(settings->log_file, "/log");
  EXPECT_EQ(settings->receipts_folder, "/receipts");
  EXPECT_TRUE(settings->approval.request);
  EXPECT_EQ(settings->approval.window, std::chrono::hours(8));
  EXPECT_EQ(settings->approval.signings, 3U);
  EXPECT_EQ(settings->approval.justification, "why");
  EXPECT_EQ(settings->approval.wait, std::chrono::minutes(10));
}

TEST_F(Config, TheFileInTheHomeFolderIsFound) {
  write(".config/sealwright/pkcs11.toml", "url = \"https://home\"\n", 0644);
  EXPECT_EQ(load_settings()->urls, std::vector<std::string>{"https://home"});
}

TEST_F(Config, TheEnvironmentWins) {
  use("url = \"https://a\"\napi_key = \"" + kKey +
      "\"\n[timeouts]\nrequest = 9\n[approval]\nrequest = true\nwindow = \"8h\"\nsignings = 3\n"
      "justification = \"file\"\nwait = \"10m\"\n");
  ::setenv("SEALWRIGHT_APPROVAL_REQUEST", "false", 1);
  ::setenv("SEALWRIGHT_APPROVAL_WINDOW", "2d", 1);
  ::setenv("SEALWRIGHT_APPROVAL_SIGNINGS", "25", 1);
  ::setenv("SEALWRIGHT_APPROVAL_JUSTIFICATION", "Grüße", 1);
  ::setenv("SEALWRIGHT_APPROVAL_WAIT", "90s", 1);
  ::setenv("SEALWRIGHT_URL", "https://b, unix:/s", 1);
  ::setenv("SEALWRIGHT_API_KEY", kOther.c_str(), 1);
  ::setenv("SEALWRIGHT_REQUEST_TIMEOUT", "0.5", 1);
  ::setenv("SEALWRIGHT_LOGIN_REQUIRED", "true", 1);
  ::setenv("SEALWRIGHT_LOG_LEVEL", "off", 1);
  const auto settings = load_settings();
  ASSERT_TRUE(settings) << settings.error().message;
  EXPECT_EQ(settings->urls, (std::vector<std::string>{"https://b", "unix:/s"}));
  EXPECT_EQ(settings->api_key->reveal(), kOther);
  EXPECT_EQ(settings->request_timeout, std::chrono::milliseconds(500));
  EXPECT_TRUE(settings->login_required);
  EXPECT_EQ(settings->log_level, LogLevel::kOff);
  EXPECT_FALSE(settings->approval.request);
  EXPECT_EQ(settings->approval.window, std::chrono::days(2));
  EXPECT_EQ(settings->approval.signings, 25U);
  EXPECT_EQ(settings->approval.justification, "Grüße");
  EXPECT_EQ(settings->approval.wait, std::chrono::seconds(90));
}

TEST_F(Config, AnEmptyVariableCountsAsUnset) {
  use("url = \"https://a\"\napi_key = \"" + kKey + "\"\n");
  for (const char* name : kVariables) {
    if (std::string(name) != "SEALWRIGHT_CONFIG") ::setenv(name, "", 1);
  }
  const auto settings = load_settings();
  ASSERT_TRUE(settings) << settings.error().message;
  EXPECT_EQ(settings->urls, std::vector<std::string>{"https://a"});
  EXPECT_EQ(settings->api_key->reveal(), kKey);
}

TEST_F(Config, AKeyFileIsReadWithItsLineEnd) {
  const std::string file = write("key", kKey + "\n");
  use("api_key_file = \"" + file + "\"\n", 0644);
  EXPECT_EQ(load_settings()->api_key->reveal(), kKey);
}

TEST_F(Config, FilesWithSecretsMustNotBeReadableByOthers) {
  const std::string open = write("key", kKey, 0644);
  ::setenv("SEALWRIGHT_API_KEY_FILE", open.c_str(), 1);
  expect_refused(open + " holds a secret and can be read by others; chmod 600 it");
  ::unsetenv("SEALWRIGHT_API_KEY_FILE");
  const std::string config = use("api_key = \"" + kKey + "\"\n", 0604);
  expect_refused(config + " holds a secret and can be read by others; chmod 600 it");
}

// As a pod gets it: root's, for a group of the process.
TEST_F(Config, AKeyFileOfRootMayBeForAGroupOfTheProcess) {
  const std::string key = write("key", kKey, 0440);
  ::setenv("SEALWRIGHT_API_KEY_FILE", key.c_str(), 1);
  if (::geteuid() != 0) {
    expect_refused(key + " holds a secret and can be read by others; chmod 600 it");
    return;
  }
  EXPECT_EQ(load_settings()->api_key->reveal(), kKey);
  ASSERT_EQ(::chown(key.c_str(), 0, kStranger), 0);
  expect_refused(key + " holds a secret and can be read by others; chmod 600 it");
}

TEST_F(Config, FilesThatOthersCanChangeAreRefused) {
  const auto refused = [](const std::string& path) {
    expect_refused(path + " can be changed by others; chmod go-w it");
  };
  const std::string config = use("url = \"https://a\"\n", 0664);
  refused(config);
  ::chmod(config.c_str(), 0644);
  const std::string key = write("key", kKey, 0620);
  ::setenv("SEALWRIGHT_API_KEY_FILE", key.c_str(), 1);
  refused(key);
  ::chmod(key.c_str(), 0600);
  for (const char* name : {"SEALWRIGHT_CA_FILE", "SEALWRIGHT_CLIENT_CERT"}) {
    ::setenv("SEALWRIGHT_CLIENT_KEY", key.c_str(), 1);
    ::setenv("SEALWRIGHT_CLIENT_CERT", key.c_str(), 1);
    const std::string open = write("open.pem", "x", 0646);
    ::setenv(name, open.c_str(), 1);
    refused(open);
    ::unsetenv(name);
  }
}

TEST_F(Config, AFileOfAStrangerIsRefused) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root may give things away";
  const std::string ca = write("ca.pem", "x", 0644);
  ::setenv("SEALWRIGHT_CA_FILE", ca.c_str(), 1);
  EXPECT_TRUE(load_settings());
  ASSERT_EQ(::chown(ca.c_str(), kStranger, kStranger), 0);
  expect_refused(ca +
                 " belongs to user 54321, who can change it; chown it to root, or to user 0 as "
                 "whom this program runs");
}

TEST_F(Config, AFileThatIsNamedMustBeThere) {
  const std::string path = folder_ / "none.toml";
  ::setenv("SEALWRIGHT_CONFIG", path.c_str(), 1);
  expect_refused(path + ": No such file or directory");
}

// As editors, shells and secret stores leave them.
TEST_F(Config, WhatStandsAroundAValueIsNotPartOfIt) {
  const std::string mark = "\xEF\xBB\xBF";
  use(mark + "url = \" https://a\\n\"\napi_key_file = \" key \"\n");
  write("key", mark + " " + kKey + "\r\n\n");
  auto settings = load_settings();
  ASSERT_TRUE(settings) << settings.error().message;
  EXPECT_EQ(settings->urls, std::vector<std::string>{"https://a"});
  EXPECT_EQ(settings->api_key->reveal(), kKey);

  ::setenv("SEALWRIGHT_URL", (mark + "https://b , https://c\r\n").c_str(), 1);
  ::setenv("SEALWRIGHT_API_KEY", (kOther + "\n").c_str(), 1);
  ::setenv("SEALWRIGHT_REQUEST_TIMEOUT", " 0.5\n", 1);
  ::setenv("SEALWRIGHT_LOGIN_REQUIRED", "True\n", 1);
  ::setenv("SEALWRIGHT_APPROVAL_SIGNINGS", "25 ", 1);
  ::setenv("SEALWRIGHT_LOG_LEVEL", " debug", 1);
  ::setenv("SEALWRIGHT_CA_FILE", " \t\n", 1);  // nothing is left of it: unset
  settings = load_settings();
  ASSERT_TRUE(settings) << settings.error().message;
  EXPECT_EQ(settings->urls, (std::vector<std::string>{"https://b", "https://c"}));
  EXPECT_EQ(settings->api_key->reveal(), kOther);
  EXPECT_EQ(settings->request_timeout, std::chrono::milliseconds(500));
  EXPECT_TRUE(settings->login_required);
  EXPECT_EQ(settings->approval.signings, 25U);
  EXPECT_EQ(settings->log_level, LogLevel::kDebug);
  EXPECT_EQ(settings->tls.ca_file, "");
}

TEST_F(Config, ARelativePathStartsAtTheFileThatNamesIt) {
  write("secrets/key", kKey);
  use("api_key_file = \"secrets/key\"\n[tls]\nca_file = \"ca.pem\"\n[log]\nfile = \"log\"\n"
      "[receipts]\ndirectory = \"receipts\"\n");
  const auto settings = load_settings();
  ASSERT_TRUE(settings) << settings.error().message;
  EXPECT_EQ(settings->api_key->reveal(), kKey);
  EXPECT_EQ(settings->tls.ca_file, folder_ / "ca.pem");
  EXPECT_EQ(settings->log_file, folder_ / "log");
  EXPECT_EQ(settings->receipts_folder, folder_ / "receipts");
}

TEST_F(Config, ARelativePathInAVariableStartsHere) {
  const std::filesystem::path before = std::filesystem::current_path();
  use("[tls]\nca_file = \"ca.pem\"\n");
  std::filesystem::current_path(folder_);
  ::setenv("SEALWRIGHT_CONFIG", "pkcs11.toml", 1);
  ::setenv("SEALWRIGHT_LOG_FILE", "../log", 1);
  const auto settings = load_settings();
  std::filesystem::current_path(before);
  ASSERT_TRUE(settings) << settings.error().message;
  EXPECT_EQ(settings->tls.ca_file, folder_ / "ca.pem");
  EXPECT_EQ(settings->log_file, folder_.string() + "/../log");
}

TEST_F(Config, TheMachinesAuthoritiesAreWhereEveryProgramIsToldThatTheyAre) {
  EXPECT_EQ(load_settings()->tls.system_bundle, "");
  EXPECT_TRUE(load_settings()->tls.system_folders.empty());
  const std::filesystem::path here = std::filesystem::current_path();
  ::setenv("SSL_CERT_FILE", "ca.pem", 1);
  ::setenv("SSL_CERT_DIR", "/one::two", 1);
  EXPECT_EQ(load_settings()->tls.system_bundle, here / "ca.pem");
  EXPECT_EQ(load_settings()->tls.system_folders, (std::vector<std::string>{"/one", here / "two"}));
}

TEST_F(Config, AuthoritiesThatOthersCanChangeAreRefusedWhereTheyWouldCount) {
  const std::string file = write("ca.pem", "", 0666);
  ::setenv("SSL_CERT_FILE", file.c_str(), 1);
  for (const char* other : {"http://localhost", "unix:/s"}) {
    ::setenv("SEALWRIGHT_URL", other, 1);
    EXPECT_TRUE(load_settings()) << other;
  }
  ::setenv("SEALWRIGHT_URL", "http://localhost,https://a", 1);
  expect_refused(file + " can be changed by others; chmod go-w it");
  ::setenv("SEALWRIGHT_CA_FILE", "/ca", 1);
  EXPECT_TRUE(load_settings());
}

TEST_F(Config, FoldersOfAuthoritiesAreRefusedWhenOthersCanReplaceWhatIsInThem) {
  const std::filesystem::path folder = folder_ / "authorities";
  const std::string file = folder / "3513523f.0";
  std::filesystem::create_directory(folder);
  std::ofstream(file).flush();
  ::chmod(file.c_str(), 0666);
  ::setenv("SSL_CERT_DIR", folder.c_str(), 1);
  ::setenv("SEALWRIGHT_URL", "https://a", 1);
  expect_refused(file + " can be changed by others; chmod go-w it");
  ::chmod(folder.c_str(), 0777);
  expect_refused(folder.string() + " can be changed by others; chmod go-w it");
  ::chmod(folder.c_str(), 01777);  // as Kubernetes mounts volumes
  EXPECT_TRUE(load_settings());
}

TEST_F(Config, StandardErrorIsNoFile) {
  use("[log]\nfile = \"/dev/stderr\"\n");
  EXPECT_EQ(load_settings()->log_file, "");
}

TEST_F(Config, SaysWhereItComesFrom) {
  const std::string path = use("url = \"https://a\"\napi_key = \"" + kKey + "\"\n");
  EXPECT_EQ(load_settings()->file, path);
  EXPECT_EQ(load_settings()->key_source, path);
  EXPECT_TRUE(load_settings()->variables.empty());
  const std::string key = write("key", kOther);
  ::setenv("SEALWRIGHT_API_KEY_FILE", key.c_str(), 1);
  ::setenv("SEALWRIGHT_URL", "https://b", 1);
  EXPECT_EQ(load_settings()->api_key->reveal(), kOther);
  EXPECT_EQ(load_settings()->key_source, key);
  EXPECT_EQ(load_settings()->variables,
            (std::vector<std::string>{"SEALWRIGHT_URL", "SEALWRIGHT_API_KEY_FILE"}));
  ::setenv("SEALWRIGHT_API_KEY", kKey.c_str(), 1);
  EXPECT_EQ(load_settings()->api_key->reveal(), kKey);
  EXPECT_EQ(load_settings()->key_source, "SEALWRIGHT_API_KEY");
}

struct Mistake {
  std::string text;
  std::string message;  // after "path:"
};
class Mistaken : public Config, public ::testing::WithParamInterface<Mistake> {};

TEST_P(Mistaken, NamesFileLineAndKey) {
  const std::string path = use(GetParam().text);
  expect_refused(path + ":" + GetParam().message);
}

INSTANTIATE_TEST_SUITE_P(
    All, Mistaken,
    ::testing::Values(
        Mistake{"\nurls = \"x\"\n", "2: urls: unknown key"},
        Mistake{"url = 7\n", "1: url must be a url or a list of urls"},
        Mistake{"insecure = \"yes\"\n", "1: insecure must be true or false"},
        Mistake{"api_key = \"swk_short\"\n",
                "1: api_key must be an API key (swk_ and 43 characters)"},
        Mistake{"tls = 3\n", "1: tls must be a table"},
        Mistake{"[tls]\nca = \"x\"\n", "2: tls.ca: unknown key"},
        Mistake{"[timeouts]\nrequest = 0\n",
                "2: timeouts.request must be seconds, from 0.1 to 3600"},
        Mistake{"[timeouts]\nconnect = \"5\"\n",
                "2: timeouts.connect must be seconds, from 0.1 to 3600"},
        Mistake{"[log]\nlevel = \"loud\"\n",
                "2: log.level must be off, error, warning, info or debug"},
        Mistake{"approval = true\n", "1: approval must be a table"},
        Mistake{"[approval]\nwho = \"x\"\n", "2: approval.who: unknown key"},
        Mistake{"[approval]\nrequest = \"yes\"\n", "2: approval.request must be true or false"},
        Mistake{"[approval]\nwindow = 8\n",
                "2: approval.window must be a duration from 1s to 30d, such as \"8h\""},
        Mistake{"[approval]\nwait = true\n",
                "2: approval.wait must be a duration from 1s to 7d, such as \"10m\""},
        Mistake{"[approval]\nsignings = 0\n",
                "2: approval.signings must be a number from 1 to 1000000000"},
        Mistake{"[approval]\nsignings = 1000000001\n",
                "2: approval.signings must be a number from 1 to 1000000000"},
        Mistake{"[approval]\nsignings = \"3\"\n",
                "2: approval.signings must be a number from 1 to 1000000000"},
        Mistake{"[approval]\njustification = 3\n",
                "2: approval.justification must be a text of 1 to 2048 characters"},
        Mistake{"[approval]\njustification = \"\"\n",
                "2: approval.justification must be a text of 1 to 2048 characters"},
        Mistake{"[approval]\njustification = \" \"\n",
                "2: approval.justification must be a text of 1 to 2048 characters"},
        Mistake{"\"tls.ca_file\" = \"x\"\n", "1: tls.ca_file: unknown key"},
        Mistake{"url = []\n", "1: url must be a url or a list of urls"},
        Mistake{"[tls]\nca_file = \" \"\n", "2: tls.ca_file must be a text that is not empty"},
        Mistake{"[signers]\nrelease = 0\n", "2: signers.release must be the signer's number"},
        Mistake{"[signers]\na = 1\nb = 1\n", "3: signers.b: another signer has the same number"}));

struct Span {
  std::string text;
  std::int64_t seconds;  // 0: refused
};
class Spans : public Config, public ::testing::WithParamInterface<Span> {
 protected:
  // By file and by variable; both say the same of it.
  template <typename Read>
  void expect(const std::string& key, const std::string& expected, Read read) {
    const std::string variable =
        "SEALWRIGHT_APPROVAL_" + (key == "wait" ? std::string("WAIT") : std::string("WINDOW"));
    for (const bool by_file : {true, false}) {
      SCOPED_TRACE(key + (by_file ? " by file" : " by variable"));
      const std::string path =
          use(by_file ? "[approval]\n" + key + " = \"" + GetParam().text + "\"\n" : "");
      if (!by_file) ::setenv(variable.c_str(), GetParam().text.c_str(), 1);
      if (GetParam().seconds == 0) {
        const std::string named = by_file ? path + ":2: approval." + key : variable;
        expect_refused(named + " must be " + expected);
        continue;
      }
      const auto settings = load_settings();
      ASSERT_TRUE(settings) << settings.error().message;
      EXPECT_EQ(read(*settings), std::chrono::seconds(GetParam().seconds));
    }
  }
};
class Windows : public Spans {};
class Waits : public Spans {};

TEST_P(Windows, AreFromOneSecondToThirtyDays) {
  expect("window", "a duration from 1s to 30d, such as \"8h\"",
         [](const Settings& settings) { return *settings.approval.window; });
}
TEST_P(Waits, AreFromOneSecondToSevenDays) {
  expect("wait", "a duration from 1s to 7d, such as \"10m\"",
         [](const Settings& settings) { return settings.approval.wait; });
}

const auto kSpans = ::testing::Values(
    Span{"1s", 1}, Span{"90s", 90}, Span{"030m", 1'800}, Span{"8h", 28'800}, Span{" 8h ", 28'800},
    Span{"7d", 604'800}, Span{"0s", 0}, Span{"0d", 0}, Span{"s", 0}, Span{"8", 0}, Span{"h8", 0},
    Span{"8 h", 0}, Span{"8H", 0}, Span{"8w", 0}, Span{"-8h", 0}, Span{"+8h", 0}, Span{"8.5h", 0},
    Span{"1h30m", 0}, Span{"soon", 0}, Span{"99999999999999999999s", 0},
    Span{"18446744073709551615d", 0}, Span{"213503982334602d", 0});
INSTANTIATE_TEST_SUITE_P(All, Windows, kSpans);
INSTANTIATE_TEST_SUITE_P(All, Waits, kSpans);
INSTANTIATE_TEST_SUITE_P(Longest, Windows,
                         ::testing::Values(Span{"30d", 2'592'000}, Span{"720h", 2'592'000},
                                           Span{"31d", 0}, Span{"2592001s", 0}));
INSTANTIATE_TEST_SUITE_P(Longest, Waits,
                         ::testing::Values(Span{"168h", 604'800}, Span{"8d", 0},
                                           Span{"604801s", 0}));

TEST_F(Config, AJustificationIsCountedInCharacters) {
  std::string longest;
  for (int i = 0; i < 2048; ++i) longest += "ü";
  ::setenv("SEALWRIGHT_APPROVAL_JUSTIFICATION", longest.c_str(), 1);
  EXPECT_EQ(load_settings()->approval.justification, longest);
  for (const std::string& wrong : {longest + "x", std::string("\xff")}) {
    ::setenv("SEALWRIGHT_APPROVAL_JUSTIFICATION", wrong.c_str(), 1);
    expect_refused("SEALWRIGHT_APPROVAL_JUSTIFICATION must be a text of 1 to 2048 characters");
  }
}

TEST_F(Config, AWrongVariableOfAnApprovalIsNamed) {
  ::setenv("SEALWRIGHT_APPROVAL_REQUEST", "maybe", 1);
  expect_refused("SEALWRIGHT_APPROVAL_REQUEST must be true or false");
  ::unsetenv("SEALWRIGHT_APPROVAL_REQUEST");
  for (const char* wrong : {"0", "-1", "1000000001", "3.5", "3x", "99999999999999999999"}) {
    ::setenv("SEALWRIGHT_APPROVAL_SIGNINGS", wrong, 1);
    expect_refused("SEALWRIGHT_APPROVAL_SIGNINGS must be a number from 1 to 1000000000");
  }
}

TEST_F(Config, TextThatIsNoTomlNamesTheLine) {
  const std::string path = use("url = \"https://a\"\nurl = \n");
  const auto settings = load_settings();
  ASSERT_FALSE(settings);
  EXPECT_TRUE(settings.error().message.starts_with(path + ":2: ")) << settings.error().message;
}

TEST_F(Config, AWrongVariableIsNamedWithoutItsSecret) {
  ::setenv("SEALWRIGHT_API_KEY", "hunter2", 1);
  expect_refused("SEALWRIGHT_API_KEY must be an API key (swk_ and 43 characters)");
  ::unsetenv("SEALWRIGHT_API_KEY");
  ::setenv("SEALWRIGHT_CONNECT_TIMEOUT", "5s", 1);
  expect_refused("SEALWRIGHT_CONNECT_TIMEOUT must be seconds, from 0.1 to 3600");
}

TEST_F(Config, PlainHttpToAnotherMachineMustBeAskedFor) {
  ::setenv("SEALWRIGHT_URL", "http://sign.example", 1);
  EXPECT_FALSE(load_settings());
  ::setenv("SEALWRIGHT_INSECURE", "1", 1);
  EXPECT_TRUE(load_settings());
}

TEST_F(Config, AClientCertificateNeedsItsKey) {
  ::setenv("SEALWRIGHT_CLIENT_CERT", "/c.pem", 1);
  expect_refused("a client certificate needs both client_cert and client_key");
}

}  // namespace
}  // namespace sealwright::settings
