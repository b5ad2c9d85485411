// The interface that the doctor asks, as a host process meets it: by its name, through the library
// loaded by path, whatever state that is in.
#include <dlfcn.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "abi/diagnosis.h"

namespace sealwright::abi {
namespace {

const std::string kKey = "swk_" + std::string(43, 'k');
using Ask = CK_RV (*)(CK_UTF8CHAR_PTR, CK_ULONG_PTR);

class DiagnosisTest : public ::testing::Test {
 protected:
  DiagnosisTest() : library_(dlopen(SEALWRIGHT_MODULE, RTLD_NOW | RTLD_LOCAL)) {
    for (const char* name : {"SEALWRIGHT_URL", "SEALWRIGHT_API_KEY", "SEALWRIGHT_API_KEY_FILE",
                             "SEALWRIGHT_LOG_FILE", "SEALWRIGHT_PROXY_URL", "HTTPS_PROXY"}) {
      unsetenv(name);
    }
    std::string pattern = ::testing::TempDir() + "sealwright-XXXXXX";
    folder_ = mkdtemp(pattern.data());
    configure("api_key = \"" + kKey + "\"\n[signers]\nrelease = 7\n[log]\nlevel = \"off\"\n" +
              "[proxy]\nurl = \"http://me:secret@proxy:3128\"\n");
  }
  ~DiagnosisTest() override { std::filesystem::remove_all(folder_); }

  [[nodiscard]] std::string file() const { return folder_ + "/pkcs11.toml"; }
  void configure(const std::string& toml) const {
    std::ofstream(file()) << toml;
    chmod(file().c_str(), 0600);
    setenv("SEALWRIGHT_CONFIG", file().c_str(), 1);
  }

  template <typename Function>
  [[nodiscard]] Function exported(const char* name) const {
    return reinterpret_cast<Function>(dlsym(library_, name));
  }
  CK_RV get(const char* name, CK_VERSION* version, CK_INTERFACE** found, CK_FLAGS flags = 0) const {
    using Get = CK_RV (*)(const char*, CK_VERSION*, CK_INTERFACE**, CK_FLAGS);
    return exported<Get>("C_GetInterface")(name, version, found, flags);
  }
  [[nodiscard]] const Diagnosis& diagnosis() const {
    CK_INTERFACE* found = nullptr;
    EXPECT_EQ(get("Vendor Sealwright diagnosis", nullptr, &found), CKR_OK);
    return *static_cast<const Diagnosis*>(found->pFunctionList);
  }

  static std::string told(Ask ask) {
    CK_ULONG length = 0;
    EXPECT_EQ(ask(nullptr, &length), CKR_OK);
    std::string text(length, '\0');
    EXPECT_EQ(ask(reinterpret_cast<CK_UTF8CHAR_PTR>(text.data()), &length), CKR_OK);
    return text;
  }
  static bool holds(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
  }
  static int in_a_child(const std::function<int()>& body) {
    const pid_t child = fork();
    if (child == 0) _exit(body());
    int status = 0;
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

  void* library_;
  std::string folder_;
};

TEST_F(DiagnosisTest, IsFoundByItsNameAndVersion) {
  CK_INTERFACE* found = nullptr;
  CK_VERSION version{1, 0};
  ASSERT_EQ(get("Vendor Sealwright diagnosis", &version, &found), CKR_OK);
  EXPECT_STREQ(static_cast<const char*>(found->pInterfaceName), "Vendor Sealwright diagnosis");
  EXPECT_EQ(diagnosis().version.major, 1);
  EXPECT_EQ(diagnosis().version.minor, 0);
  version = {2, 0};
  EXPECT_EQ(get("Vendor Sealwright diagnosis", &version, &found), CKR_ARGUMENTS_BAD);
  version = {1, 1};
  EXPECT_EQ(get("Vendor Sealwright diagnosis", &version, &found), CKR_ARGUMENTS_BAD);
  EXPECT_EQ(get("Vendor Sealwright", nullptr, &found), CKR_ARGUMENTS_BAD);
}

TEST_F(DiagnosisTest, IsNeverGivenToAHostThatNamesNone) {
  CK_INTERFACE* found = nullptr;
  CK_VERSION version = kDiagnosisVersion;
  EXPECT_EQ(get(nullptr, &version, &found), CKR_ARGUMENTS_BAD);
  ASSERT_EQ(get(nullptr, nullptr, &found), CKR_OK);
  EXPECT_STREQ(static_cast<const char*>(found->pInterfaceName), "PKCS 11");
}

TEST_F(DiagnosisTest, ReportsTheSettingsWithoutASecret) {
  setenv("SEALWRIGHT_LOG_FILE", (folder_ + "/none/log").c_str(), 1);
  chmod(folder_.c_str(), 0777);
  const std::string text = told(diagnosis().report);
  EXPECT_TRUE(holds(text, R"("file":")" + file() + '"')) << text;
  EXPECT_TRUE(holds(text, R"("key_source":")" + file() + '"')) << text;
  EXPECT_TRUE(holds(text, R"("signers":{"release":7})")) << text;
  EXPECT_TRUE(holds(text, R"("variables":["SEALWRIGHT_LOG_FILE"])")) << text;
  EXPECT_TRUE(holds(text, R"("log_file_fault":"No such file or directory")")) << text;
  EXPECT_TRUE(holds(text, R"("open_folders":{")" + file() + R"(":[")" + folder_ + R"("]})"))
      << text;
  EXPECT_FALSE(holds(text, kKey)) << text;
  EXPECT_FALSE(holds(text, "secret")) << text;
}

TEST_F(DiagnosisTest, GivesSecretsOnlyToWhoAsksForThem) {
  EXPECT_EQ(told(diagnosis().api_key), kKey);
  EXPECT_EQ(told(diagnosis().proxy_url), "http://me:secret@proxy:3128");
}

TEST_F(DiagnosisTest, HasNoSecretWhereNoneIsConfigured) {
  configure("");
  setenv("HTTPS_PROXY", "http://me:secret@proxy:3128", 1);  // of every program, not of ours
  EXPECT_EQ(told(diagnosis().api_key), "");
  EXPECT_EQ(told(diagnosis().proxy_url), "");
}

TEST_F(DiagnosisTest, ReportsWhyTheSettingsCannotBeLoaded) {
  configure("url = 7\n");
  const std::string text = told(diagnosis().report);
  EXPECT_TRUE(holds(text, R"("fault":")" + file() + ":1: ")) << text;
  EXPECT_FALSE(holds(text, R"("urls")")) << text;
  CK_ULONG length = 0;
  EXPECT_EQ(diagnosis().api_key(nullptr, &length), CKR_GENERAL_ERROR);
  EXPECT_EQ(diagnosis().proxy_url(nullptr, &length), CKR_GENERAL_ERROR);
}

TEST_F(DiagnosisTest, KeepsToTheBuffersThatItIsGiven) {
  for (const Ask ask : {diagnosis().report, diagnosis().api_key, diagnosis().proxy_url}) {
    EXPECT_EQ(ask(nullptr, nullptr), CKR_ARGUMENTS_BAD);
    CK_UTF8CHAR one = 'x';
    EXPECT_EQ(ask(&one, nullptr), CKR_ARGUMENTS_BAD);
    const std::string whole = told(ask);
    for (const CK_ULONG room : {CK_ULONG{0}, CK_ULONG{1}, CK_ULONG{whole.size() - 1}}) {
      // Exactly as large as it says: a sanitizer sees one octet more.
      std::vector<CK_UTF8CHAR> small(room, 'x');
      small.reserve(1);
      CK_ULONG length = room;
      EXPECT_EQ(ask(small.data(), &length), CKR_BUFFER_TOO_SMALL);
      EXPECT_EQ(length, whole.size());
      EXPECT_EQ(small, std::vector<CK_UTF8CHAR>(room, 'x'));
    }
    std::vector<CK_UTF8CHAR> large(whole.size() + 1, 'x');
    CK_ULONG length = large.size();
    EXPECT_EQ(ask(large.data(), &length), CKR_OK);
    EXPECT_EQ(length, whole.size());
    EXPECT_EQ(large.back(), 'x');
  }
}

TEST_F(DiagnosisTest, WorksWhateverStateTheLibraryIsIn) {
  const auto initialize = exported<CK_RV (*)(void*)>("C_Initialize");
  const auto finalize = exported<CK_RV (*)(void*)>("C_Finalize");
  const std::string before = told(diagnosis().report);
  ASSERT_EQ(initialize(nullptr), CKR_OK);
  EXPECT_EQ(told(diagnosis().report), before);
  EXPECT_EQ(in_a_child([&] { return told(diagnosis().report) == before ? 0 : 1; }), 0);
  ASSERT_EQ(finalize(nullptr), CKR_OK);
  EXPECT_EQ(told(diagnosis().report), before);
  EXPECT_EQ(in_a_child([&] { return told(diagnosis().api_key) == kKey ? 0 : 1; }), 0);
}

TEST_F(DiagnosisTest, SeesWhatIsThereNow) {
  EXPECT_TRUE(holds(told(diagnosis().report), R"("release":7)"));
  configure("[signers]\nother = 8\n");
  EXPECT_TRUE(holds(told(diagnosis().report), R"("other":8)"));
}

TEST_F(DiagnosisTest, IsAskedByManyThreadsAtOnce) {
  std::vector<std::thread> threads(4);
  for (std::thread& thread : threads) {
    thread = std::thread([this] {
      for (int i = 0; i < 20; ++i) EXPECT_EQ(told(diagnosis().api_key), kKey);
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST_F(DiagnosisTest, TellsOctetsOfAFileNameAsTheyAre) {
  const std::string named = folder_ + "/\xFF.log";
  setenv("SEALWRIGHT_LOG_FILE", named.c_str(), 1);
  EXPECT_TRUE(holds(told(diagnosis().report), R"("log_file":")" + named + '"'));
}

}  // namespace
}  // namespace sealwright::abi
