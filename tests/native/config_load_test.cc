// Where the module's settings come from, and how a mistake in them is reported.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "library/config.h"

namespace sealwright {
namespace {

const std::string kKey = "swk_" + std::string(43, 'k');
const std::string kOther = "swk_" + std::string(43, 'o');

class Config : public ::testing::Test {
 protected:
  void SetUp() override {
    for (const char* name : kVariables) ::unsetenv(name);
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

  static constexpr const char* kVariables[] = {
      "SEALWRIGHT_CONFIG",         "SEALWRIGHT_URL",
      "SEALWRIGHT_API_KEY",        "SEALWRIGHT_API_KEY_FILE",
      "SEALWRIGHT_CA_FILE",        "SEALWRIGHT_CLIENT_CERT",
      "SEALWRIGHT_CLIENT_KEY",     "SEALWRIGHT_LOG_LEVEL",
      "SEALWRIGHT_LOG_FILE",       "SEALWRIGHT_INSECURE",
      "SEALWRIGHT_LOGIN_REQUIRED", "SEALWRIGHT_CONNECT_TIMEOUT",
      "SEALWRIGHT_REQUEST_TIMEOUT"};
  const std::filesystem::path folder_ =
      std::filesystem::temp_directory_path() / ("sw-config-" + std::to_string(::getpid()));
};

TEST_F(Config, WithNothingSetHasTheDefaults) {
  const auto settings = load_settings();
  ASSERT_TRUE(settings) << settings.error().message;
  EXPECT_TRUE(settings->urls.empty());
  EXPECT_FALSE(settings->api_key);
  EXPECT_EQ(settings->connect_timeout, std::chrono::seconds(5));
  EXPECT_EQ(settings->request_timeout, std::chrono::seconds(30));
  EXPECT_EQ(settings->log_level, LogLevel::kWarning);
}

TEST_F(Config, AFileMaySetEverything) {
  use("url = [\"https://a\", \"unix:/s\"]\napi_key = \"" + kKey +
      "\"\nlogin_required = true\ninsecure = true\n"
      "[signers]\nrelease = 7\n[tls]\nca_file = \"/ca\"\n"
      "[timeouts]\nconnect = 2\nrequest = 1.5\n"
      "[approval]\nrequest = true\nwindow = \"8h\"\nsignings = 3\njustification = \"why\"\n"
      "wait = \"10m\"\n[log]\nlevel = \"debug\"\nfile = \"/log\"\n");
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
  EXPECT_EQ(settings->log_level, LogLevel::kDebug);
  EXPECT_EQ(settings->log_file, "/log");
}

TEST_F(Config, TheFileInTheHomeFolderIsFound) {
  write(".config/sealwright/pkcs11.toml", "url = \"https://home\"\n", 0644);
  EXPECT_EQ(load_settings()->urls, std::vector<std::string>{"https://home"});
}

TEST_F(Config, TheEnvironmentWins) {
  use("url = \"https://a\"\napi_key = \"" + kKey + "\"\n[timeouts]\nrequest = 9\n");
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
  const std::string open = write("key", kKey, 0640);
  ::setenv("SEALWRIGHT_API_KEY_FILE", open.c_str(), 1);
  expect_refused(open + " holds a secret and can be read by others; chmod 600 it");
  ::unsetenv("SEALWRIGHT_API_KEY_FILE");
  const std::string config = use("api_key = \"" + kKey + "\"\n", 0604);
  expect_refused(config + " holds a secret and can be read by others; chmod 600 it");
}

TEST_F(Config, AFileThatIsNamedMustBeThere) {
  const std::string path = folder_ / "none.toml";
  ::setenv("SEALWRIGHT_CONFIG", path.c_str(), 1);
  expect_refused(path + ": No such file or directory");
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
        Mistake{"[approval]\nwindow = \"soon\"\n",
                "2: approval.window must be a duration such as \"30m\" or \"8h\""},
        Mistake{"[approval]\nsignings = 0\n", "2: approval.signings must be a positive number"},
        Mistake{"[signers]\nrelease = 0\n", "2: signers.release must be the signer's number"},
        Mistake{"[signers]\na = 1\nb = 1\n", "3: signers.b: another signer has the same number"}));

TEST_F(Config, TextThatIsNoTomlNamesTheLine) {
  const std::string path = use("url = \"https://a\"\nurl = \n");
  const auto settings = load_settings();
  ASSERT_FALSE(settings);
  EXPECT_TRUE(settings.error().message.starts_with(path + ":2: ")) << settings.error().message;
}

TEST_F(Config, AWrongVariableIsNamedWithoutItsSecret) {
  ::setenv("SEALWRIGHT_API_KEY", "hunter2", 1);
  expect_refused("SEALWRIGHT_API_KEY is not an API key (swk_ and 43 characters)");
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
}  // namespace sealwright
