// A host process in C_Sign while an approver thinks: the built library against a scripted server.
#include <dlfcn.h>
#include <gtest/gtest.h>
#include <p11-kit/pkcs11.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "base/bytes.h"
#include "crypto/ecdsa.h"
#include "local_signing_service.h"
#include "scripted_server.h"

namespace sealwright {
namespace {

using testing::Answer;
using testing::json_answer;
using testing::ScriptedServer;

constexpr CK_SLOT_ID kSlot = 7;
const remote::Credential kCaller("a key", Secret(test::kApiKey));

CK_FUNCTION_LIST& load() {
  void* library = dlopen(SEALWRIGHT_MODULE, RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) throw std::runtime_error(dlerror());
  const auto get = reinterpret_cast<CK_C_GetFunctionList>(dlsym(library, "C_GetFunctionList"));
  CK_FUNCTION_LIST* functions = nullptr;
  if (get == nullptr || get(&functions) != CKR_OK) throw std::runtime_error("no function list");
  return *functions;
}

// The value of a member that is a text, from our own JSON.
std::string member(const std::string& body, const std::string& name) {
  const std::size_t start = body.find("\"" + name + "\":\"") + name.size() + 4;
  return body.substr(start, body.find('"', start) - start);
}

class ApprovalTest : public ::testing::Test {
 protected:
  ApprovalTest()
      : p11(load()), server_([this](const std::string& asked) { return answer(asked); }) {
    keys_.issue({"release", kSlot, &crypto::kEc});
    const std::array<std::pair<const char*, std::string>, 6> variables{
        {{"SEALWRIGHT_CONFIG", ""},
         {"SEALWRIGHT_URL", server_.url()},
         {"SEALWRIGHT_API_KEY", test::kApiKey},
         {"SEALWRIGHT_APPROVAL_REQUEST", "true"},
         {"SEALWRIGHT_APPROVAL_WAIT", "10m"},
         {"SEALWRIGHT_LOG_LEVEL", "off"}}};
    for (const auto& [name, value] : variables) ::setenv(name, value.c_str(), 1);
    ::setenv("HOME", "/nonexistent", 1);
    EXPECT_EQ(p11.C_Initialize(nullptr), CKR_OK);
    session_ = open();
    key_ = find_key();
  }
  ~ApprovalTest() override { p11.C_Finalize(nullptr); }

  CK_SESSION_HANDLE open() {
    CK_SESSION_HANDLE session = CK_INVALID_HANDLE;
    EXPECT_EQ(p11.C_OpenSession(kSlot, CKF_SERIAL_SESSION, nullptr, nullptr, &session), CKR_OK);
    return session;
  }

  CK_RV sign() {
    CK_MECHANISM mechanism{CKM_ECDSA_SHA256, nullptr, 0};
    std::array<CK_BYTE, 3> data{'a', 'b', 'c'};
    std::array<CK_BYTE, 64> signature{};
    CK_ULONG size = signature.size();
    if (const CK_RV rv = p11.C_SignInit(session_, &mechanism, key_); rv != CKR_OK) return rv;
    return p11.C_Sign(session_, data.data(), data.size(), signature.data(), &size);
  }

  CK_FUNCTION_LIST& p11;
  std::atomic<bool> approved_{false};
  test::LocalSigningService keys_;
  ScriptedServer server_;
  CK_SESSION_HANDLE session_ = CK_INVALID_HANDLE;
  CK_OBJECT_HANDLE key_ = CK_INVALID_HANDLE;

 private:
  CK_OBJECT_HANDLE find_key() {
    CK_OBJECT_CLASS object_class = CKO_PRIVATE_KEY;
    CK_ATTRIBUTE criterion{CKA_CLASS, &object_class, sizeof object_class};
    CK_OBJECT_HANDLE found = CK_INVALID_HANDLE;
    CK_ULONG count = 0;
    EXPECT_EQ(p11.C_FindObjectsInit(session_, &criterion, 1), CKR_OK);
    EXPECT_EQ(p11.C_FindObjects(session_, &found, 1, &count), CKR_OK);
    EXPECT_EQ(p11.C_FindObjectsFinal(session_), CKR_OK);
    return found;
  }

  Answer answer(const std::string& asked) {
    const remote::SignerRecord signer =
        (*keys_.fetch_catalogue(kCaller, std::nullopt))->signers.at(0);
    if (asked.starts_with("GET /v1/catalogue")) {
      return json_answer(200, R"({"signers":[{"id":")" + signer.id +
                                  R"(","number":7,"name":"release",)" +
                                  R"("status":"active","public_key":")" +
                                  to_base64(signer.public_key) + R"(","certificate":")" +
                                  to_base64(signer.certificate) + R"(","certificate_serial":")" +
                                  signer.certificate_serial + R"(","not_after":")" +
                                  signer.not_after + R"(","issuers":[]}],"certificates":[]})");
    }
    const std::string request = std::string(R"({"id":"r-1","state":")") +
                                (approved_ ? "approved" : "pending") + R"(","missing":[]})";
    if (asked.starts_with("POST /v1/signers/release/requests")) return json_answer(201, request);
    if (asked.starts_with("GET ")) return json_answer(200, request);
    if (!approved_) return json_answer(403, R"({"code":"no_active_grant","title":"No grant."})");
    const Bytes signature = keys_
                                .sign(kCaller, "release", signer.certificate_serial,
                                      {&crypto::ecdsa::kScheme, crypto::Hash::kSha256,
                                       *from_base64(member(asked, "digest")), std::nullopt})
                                ->signature;
    return json_answer(200, R"({"signature":")" + to_base64(signature) + "\"}");
  }
};

constexpr std::size_t kWaiting = 4;  // catalogue, sign, request, a first look: by then it waits

TEST_F(ApprovalTest, CSignIsHeldUntilTheRequestIsApproved) {
  std::thread signer([this] { EXPECT_EQ(sign(), CKR_OK); });
  server_.await_requests(kWaiting);
  approved_ = true;
  signer.join();
}

TEST_F(ApprovalTest, OtherSessionsWorkMeanwhile) {
  std::thread signer([this] { EXPECT_EQ(sign(), CKR_OK); });
  server_.await_requests(kWaiting);
  CK_MECHANISM sha256{CKM_SHA256, nullptr, 0};
  const CK_SESSION_HANDLE other = open();
  EXPECT_EQ(p11.C_DigestInit(other, &sha256), CKR_OK);
  EXPECT_EQ(p11.C_CloseSession(other), CKR_OK);
  EXPECT_EQ(p11.C_CloseSession(session_), CKR_OK) << "even the one that signs can be closed";
  approved_ = true;
  signer.join();
}

TEST_F(ApprovalTest, CFinalizeWaitsForNobodyAndEndsTheWait) {
  std::thread signer([this] { EXPECT_EQ(sign(), CKR_FUNCTION_CANCELED); });
  server_.await_requests(kWaiting);
  const auto before = std::chrono::steady_clock::now();
  EXPECT_EQ(p11.C_Finalize(nullptr), CKR_OK);
  EXPECT_EQ(p11.C_Initialize(nullptr), CKR_OK) << "at once, under the waiting call";
  signer.join();
  EXPECT_LT(std::chrono::steady_clock::now() - before, std::chrono::seconds(3));
}

TEST_F(ApprovalTest, AChildForkedMeanwhileStartsAnewAndTheWaitGoesOn) {
  std::thread signer([this] { EXPECT_EQ(sign(), CKR_OK); });
  server_.await_requests(kWaiting);
  const pid_t child = ::fork();
  if (child == 0) {
    ::alarm(20);
    if (p11.C_Finalize(nullptr) != CKR_OK) ::_exit(1);  // of what the parent began
    if (p11.C_Initialize(nullptr) != CKR_OK) ::_exit(2);
    CK_SESSION_HANDLE own = CK_INVALID_HANDLE;
    if (p11.C_OpenSession(kSlot, CKF_SERIAL_SESSION, nullptr, nullptr, &own) != CKR_OK) ::_exit(3);
    ::_exit(p11.C_Finalize(nullptr) == CKR_OK ? 0 : 4);
  }
  int status = -1;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
  approved_ = true;
  signer.join();
}

}  // namespace
}  // namespace sealwright
