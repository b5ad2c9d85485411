// Receipts that come with signatures, and what is done with them.
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "crypto/ecdsa.h"
#include "remote/http_control_plane.h"
#include "remote/remote_signing_service.h"
#include "scripted_server.h"

namespace sealwright::remote {
namespace {

using sealwright::testing::Answer;
using sealwright::testing::json_answer;
using sealwright::testing::ScriptedServer;

const std::string kReceipt = "c2sp.org/tlog-proof@v1\nextra QQ==\nindex 7\n";
constexpr const char* kAsked = R"("receipt":true)";

Answer signed_with(const std::string& members) {
  return json_answer(200, R"({"signature":"AQID")" + members + "}");
}

const std::string kWithReceipt =
    R"(,"operation_id":"o-1","receipt":"c2sp.org/tlog-proof@v1\nextra QQ==\nindex 7\n")";

class Receipts : public ::testing::Test {
 protected:
  void SetUp() override { std::filesystem::create_directories(folder_); }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  // Makes a signature; what stderr says meanwhile.
  std::string sign(ScriptedServer& server, const std::string& folder) {
    Settings settings;
    settings.urls = {server.url()};
    settings.receipts_folder = folder;
    settings.request_timeout = std::chrono::seconds(60);
    ::testing::internal::CaptureStderr();
    {
      const Log log(LogLevel::kWarning, "");
      RemoteSigningService service(std::make_unique<HttpControlPlane>(settings, log), {},
                                   settings.receipts_folder, log);
      const auto made =
          service.sign(Credential("a key", Secret("swk_" + std::string(43, 'a'))), "release", "0a",
                       {&crypto::ecdsa::kScheme, crypto::Hash::kSha256, Bytes(32, 1), {}});
      if (!made) ADD_FAILURE() << made.error().message;
      EXPECT_EQ(made.value_or(Signed{}).signature, (Bytes{1, 2, 3}));
    }
    return ::testing::internal::GetCapturedStderr();
  }
  static std::string line(const std::string& why) {
    return "sealwright: signer \"release\": signed, and no receipt is kept: " + why + "\n";
  }
  std::string read(const std::string& name) const {
    std::ostringstream text;
    text << std::ifstream(folder_ / name).rdbuf();
    return text.str();
  }

  const std::filesystem::path folder_ =
      std::filesystem::temp_directory_path() / ("sw-receipts-" + std::to_string(::getpid()));
  const std::string later_ = "; sealwright receipt get o-1 gives it later";
};

TEST_F(Receipts, AreAskedForAndKeptUnderTheOperationsId) {
  ScriptedServer server({signed_with(kWithReceipt)});
  EXPECT_EQ(sign(server, folder_), "");
  EXPECT_NE(server.requests().at(0).find(kAsked), std::string::npos);
  EXPECT_EQ(read("o-1.tlog-proof"), kReceipt);
}

TEST_F(Receipts, AreNeitherAskedForNorKeptUnlessSettingsSaySo) {
  ScriptedServer server({signed_with(kWithReceipt)});
  EXPECT_EQ(sign(server, ""), "");
  EXPECT_EQ(server.requests().at(0).find("\"receipt\""), std::string::npos);
  EXPECT_TRUE(std::filesystem::is_empty(folder_));
}

TEST_F(Receipts, ThatCannotBeWrittenAreALine) {
  const std::string none = folder_ / "none";
  for (const std::string& named : {none, none + "/"}) {
    ScriptedServer server({signed_with(kWithReceipt)});
    EXPECT_EQ(sign(server, named),
              line(none + "/o-1.tlog-proof: No such file or directory" + later_));
  }
  EXPECT_TRUE(std::filesystem::is_empty(folder_));
}

TEST_F(Receipts, ReplaceNothing) {
  std::ofstream(folder_ / "o-1.tlog-proof") << "another";
  ScriptedServer server({signed_with(kWithReceipt)});
  EXPECT_EQ(sign(server, folder_),
            line((folder_ / "o-1.tlog-proof").string() + ": File exists" + later_));
  EXPECT_EQ(read("o-1.tlog-proof"), "another");
}

TEST_F(Receipts, ThatDoNotComeAreALine) {
  for (const std::string& instead :
       {std::string(), std::string(R"(,"receipt":null)"), std::string(R"(,"receipt":7)"),
        R"(,"receipt":")" + std::string(262'145, 'x') + "\""}) {
    ScriptedServer server({signed_with(R"(,"operation_id":"o-1")" + instead)});
    EXPECT_EQ(sign(server, folder_), line("the control plane gave none" + later_));
  }
  EXPECT_TRUE(std::filesystem::is_empty(folder_));
}

TEST_F(Receipts, OfAnOperationWithoutANameAreALine) {
  ScriptedServer server({signed_with(R"(,"operation_id":"../o","receipt":"r")")});
  EXPECT_EQ(sign(server, folder_), line("the control plane does not tell the operation's id"));
  EXPECT_TRUE(std::filesystem::is_empty(folder_));
}

TEST_F(Receipts, AreNotAskedForAgainOfAControlPlaneThatKnowsOfNone) {
  ScriptedServer server({json_answer(400, R"({"code":"invalid_body","title":"receipt?"})"),
                         signed_with(R"(,"operation_id":"o-1")")});
  EXPECT_EQ(sign(server, folder_), line("the control plane gave none" + later_));
  const auto requests = server.requests();
  ASSERT_EQ(requests.size(), 2U);
  const auto key = [](const std::string& request) {
    return request.substr(request.find("Idempotency-Key"), 60);
  };
  EXPECT_EQ(key(requests[0]), key(requests[1]));
  EXPECT_EQ(requests[1].find("\"receipt\""), std::string::npos);
}

}  // namespace
}  // namespace sealwright::remote
