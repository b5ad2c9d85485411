// From "denied for want of a grant" to a signature, or to the line that says why not.
#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <regex>
#include <set>
#include <sstream>

#include "crypto/ecdsa.h"
#include "remote/http_control_plane.h"
#include "remote/remote_signing_service.h"
#include "scripted_server.h"

namespace sealwright::remote {
namespace {

using namespace std::chrono_literals;
using sealwright::testing::Answer;
using sealwright::testing::json_answer;
using sealwright::testing::ScriptedServer;

const Credential kCaller("a key", Secret("swk_" + std::string(43, 'a')));
const Answer kSigned = json_answer(200, R"({"signature":"AQID"})");
const std::string kAsk = "POST /v1/signers/release/requests";
const std::string kSign = "POST /v1/signers/release/sign";

Answer denied(const std::string& request = "") {
  return json_answer(403, R"({"code":"no_active_grant","title":"ci has no grant.")" +
                              (request.empty() ? "" : R"(,"request":")" + request + "\"") + "}");
}

Answer problem(int status, const std::string& title) {
  return json_answer(status, R"({"code":"c","title":")" + title + "\"}");
}

std::string request(const std::string& state, const std::string& more = "",
                    const std::string& id = "r-1") {
  return R"({"id":")" + id + R"(","state":")" + state + R"(","missing":[)" +
         (state == "pending" ? R"("It waits for carol.")" : "") + "]" + more + "}";
}
Answer opened(const std::string& state = "pending", const std::string& id = "r-1") {
  return json_answer(201, request(state, "", id));
}
Answer seen(const std::string& state, const std::string& more = "", const std::string& id = "r-1") {
  return json_answer(200, request(state, more, id));
}

struct Given {
  bool ask = false;
  std::chrono::milliseconds wait{0};
  std::chrono::milliseconds request_timeout{3'000};
};
constexpr Given kAsks{true, 0ms};
constexpr Given kAsksAndWaits{true, 20s};
constexpr Given kWaits{false, 20s};

class ApprovalTest : public ::testing::Test {
 protected:
  void SetUp() override { std::filesystem::remove(log_file_); }
  void TearDown() override { std::filesystem::remove(log_file_); }

  RemoteSigningService& service(const ScriptedServer& server, const Given& given,
                                Settings::Approval approval = {}) {
    Settings settings;
    settings.urls = {server.url()};
    settings.request_timeout = given.request_timeout;
    approval.request = given.ask;
    approval.wait = given.wait;
    service_ = std::make_unique<RemoteSigningService>(
        std::make_unique<HttpControlPlane>(settings, log_), approval, "", log_);
    return *service_;
  }
  Result<Signed> sign(const ScriptedServer& server, const Given& given,
                      Settings::Approval approval = {}) {
    service(server, given, std::move(approval));
    return sign();
  }
  Result<Signed> sign(const std::string& signer = "release") {
    return service_->sign(kCaller, signer, "0a",
                          {&crypto::ecdsa::kScheme, crypto::Hash::kSha256, Bytes(32, 1), {}});
  }

  // What the person has been told so far, apart from what the call itself returns.
  std::string told() const {
    std::stringstream text;
    text << std::ifstream(log_file_).rdbuf();
    return text.str();
  }

  const std::string log_file_ =
      std::filesystem::temp_directory_path() / ("sw-approval-" + std::to_string(::getpid()));
  const Log log_{LogLevel::kWarning, log_file_};
  std::unique_ptr<RemoteSigningService> service_;
};

void expect_signed(const Result<Signed>& signature) {
  ASSERT_TRUE(signature) << signature.error().message;
  EXPECT_EQ(signature->signature, (Bytes{1, 2, 3}));
}

void expect_refused(const Result<Signed>& signature, CK_RV rv, const std::string& what) {
  ASSERT_FALSE(signature);
  EXPECT_EQ(signature.error().rv, rv);
  EXPECT_TRUE(signature.error().for_person);
  EXPECT_EQ(signature.error().message, "signer \"release\": " + what);
}

std::vector<std::string> lines_of(ScriptedServer& server) {
  std::vector<std::string> lines;
  for (const std::string& request : server.requests()) {
    lines.push_back(request.substr(0, request.find(" HTTP/")));
  }
  return lines;
}

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

// Neither asking nor waiting.

TEST_F(ApprovalTest, WithNothingConfiguredADenialIsFinal) {
  ScriptedServer server({denied()});
  expect_refused(sign(server, {}), CKR_FUNCTION_REJECTED, "ci has no grant.");
  EXPECT_EQ(server.requests().size(), 1U);
}

TEST_F(ApprovalTest, WithNothingConfiguredThePendingRequestIsNamed) {
  ScriptedServer server({denied("r-9")});
  expect_refused(sign(server, {}), CKR_FUNCTION_REJECTED, "ci has no grant. [request r-9]");
  EXPECT_EQ(server.requests().size(), 1U);
}

TEST_F(ApprovalTest, AnotherDenialIsFinalWhateverIsConfigured) {
  ScriptedServer server({json_answer(403, R"({"code":"not_a_member","title":"No member."})")});
  expect_refused(sign(server, kAsksAndWaits), CKR_FUNCTION_REJECTED, "No member.");
  EXPECT_EQ(server.requests().size(), 1U);
}

// Asking.

TEST_F(ApprovalTest, ARequestIsOpenedAndTheLineSaysWhichAndWhatIsMissing) {
  ScriptedServer server({denied(), opened()});
  expect_refused(sign(server, kAsks), CKR_FUNCTION_REJECTED,
                 "no open grant, so approval has been asked for. It waits for carol. "
                 "[request r-1]");
  EXPECT_EQ(lines_of(server), (std::vector{kSign, kAsk}));
  EXPECT_EQ(told(), "") << "the call returns the line; it is not told twice";
}

TEST_F(ApprovalTest, AnEqualRequestThatIsPendingIsAsGoodAsANewOne) {
  ScriptedServer server({denied(), seen("pending")});
  EXPECT_TRUE(has(sign(server, kAsks).error().message, "[request r-1]"));
}

TEST_F(ApprovalTest, WhatIsConfiguredIsAskedFor) {
  ScriptedServer server({denied(), opened()});
  Settings::Approval approval;
  approval.justification = "Grüße, \"release\" 4.2";
  approval.window = 8h;
  approval.signings = 25;
  ASSERT_FALSE(sign(server, kAsks, approval));
  const std::string asked = server.requests().at(1);
  EXPECT_TRUE(
      has(asked, "\r\nAuthorization: Bearer " + std::string(kCaller.bearer().reveal()) + "\r\n"));
  EXPECT_TRUE(
      asked.ends_with("\r\n\r\n"
                      R"({"justification":"Grüße, \"release\" 4.2",)"
                      R"("window_seconds":28800,"signings":25})"))
      << asked;
}

TEST_F(ApprovalTest, ByDefaultTheJustificationSaysWhoAsksAlwaysInTheSameWords) {
  std::set<std::string> bodies;
  for (int i = 0; i < 2; ++i) {
    ScriptedServer server({denied(), opened()});
    ASSERT_FALSE(sign(server, kAsks));
    const std::string asked = server.requests().at(1);
    bodies.insert(asked.substr(asked.find("\r\n\r\n") + 4));
  }
  ASSERT_EQ(bodies.size(), 1U);
  EXPECT_TRUE(std::regex_match(
      *bodies.begin(),
      std::regex(R"(\{"justification":"remote_approval_test on [^ ]+ as [^ ]+"\})")))
      << *bodies.begin();
}

TEST(WhoAsks, LeavesOutWhatIsNotKnownAndNeverTellsTheCommandLine) {
  EXPECT_EQ(who_asks({"jarsigner", "jarsigner -storepass x a.jar", "build7", "ci", "1"}),
            "jarsigner on build7 as ci");
  EXPECT_EQ(who_asks({"", "secret", "", "ci", ""}), "a tool as ci");
  EXPECT_EQ(who_asks({"a\nb", "", "", "", ""}), "a\\x0ab");
}

TEST_F(ApprovalTest, WhereARequestIsPendingNoSecondOneIsOpened) {
  ScriptedServer server({denied("r-9")});
  expect_refused(sign(server, kAsks), CKR_FUNCTION_REJECTED, "ci has no grant. [request r-9]");
  EXPECT_EQ(server.requests().size(), 1U);
}

TEST_F(ApprovalTest, APolicyWithoutStepsApprovesAtOnceAndTheSignatureIsMade) {
  ScriptedServer server({denied(), opened("approved"), kSigned});
  expect_signed(sign(server, kAsks));
  EXPECT_EQ(lines_of(server), (std::vector{kSign, kAsk, kSign}));
}

TEST_F(ApprovalTest, WithoutAWaitThereIsOneRequestAndOneRepeat) {
  ScriptedServer server({denied(), opened("approved"), denied()});
  expect_refused(sign(server, kAsks), CKR_FUNCTION_REJECTED, "ci has no grant.");
  EXPECT_EQ(lines_of(server), (std::vector{kSign, kAsk, kSign}));
}

TEST_F(ApprovalTest, AfterAnApprovalAnyOtherAnswerCountsAsEver) {
  ScriptedServer server({denied(), opened("approved"), problem(404, "Gone.")});
  expect_refused(sign(server, kAsks), CKR_DEVICE_REMOVED, "Gone.");
}

struct Refused {
  int status;
  CK_RV rv;
};
class RefusedToAsk : public ApprovalTest, public ::testing::WithParamInterface<Refused> {};

TEST_P(RefusedToAsk, GivesBothReasons) {
  ScriptedServer server({denied(), problem(GetParam().status, "No such window.")});
  expect_refused(sign(server, kAsksAndWaits), GetParam().rv,
                 "ci has no grant. Asking for approval failed: No such window.");
  EXPECT_EQ(server.requests().size(), 2U);
}

INSTANTIATE_TEST_SUITE_P(
    All, RefusedToAsk,
    ::testing::Values(Refused{400, CKR_FUNCTION_REJECTED}, Refused{401, CKR_USER_NOT_LOGGED_IN},
                      Refused{403, CKR_FUNCTION_REJECTED}, Refused{404, CKR_FUNCTION_REJECTED},
                      Refused{409, CKR_FUNCTION_REJECTED}, Refused{413, CKR_FUNCTION_REJECTED},
                      Refused{500, CKR_DEVICE_ERROR}),
    [](const auto& info) { return std::to_string(info.param.status); });

TEST_F(ApprovalTest, AskingIsRepeatedLikeSigningAndFailsLikeIt) {
  ScriptedServer recovers(
      {denied(), problem(503, "Busy."), {"", true}, opened("approved"), kSigned});
  expect_signed(sign(recovers, kAsks));

  ScriptedServer busy({denied(), problem(503, "Busy.")});
  expect_refused(sign(busy, {true, 0ms, 300ms}), CKR_DEVICE_ERROR,
                 "ci has no grant. Asking for approval failed: control plane " + busy.url() +
                     " is not available: Busy.");
}

class NonsenseRequest : public ApprovalTest,
                        public ::testing::WithParamInterface<std::pair<std::string, std::string>> {
};

TEST_P(NonsenseRequest, IsADeviceErrorThatNamesTheField) {
  const auto& [body, field] = GetParam();
  const std::string nonsense =
      "the control plane answers nonsense: " + field + " is missing or malformed";
  ScriptedServer asked({denied(), json_answer(201, body)});
  expect_refused(sign(asked, kAsksAndWaits), CKR_DEVICE_ERROR,
                 "ci has no grant. Asking for approval failed: " + nonsense);
  ScriptedServer polled({denied("r-1"), json_answer(200, body)});
  expect_refused(sign(polled, kWaits), CKR_DEVICE_ERROR, nonsense + " [request r-1]");
}

INSTANTIATE_TEST_SUITE_P(
    All, NonsenseRequest,
    ::testing::Values(
        std::pair("[]", "request"), std::pair("{}", "request.id"),
        std::pair(R"({"id":7,"state":"pending","missing":[]})", "request.id"),
        std::pair(R"({"id":"../x","state":"pending","missing":[]})", "request.id"),
        std::pair(R"({"id":")" + std::string(65, 'x') + R"(","state":"pending","missing":[]})",
                  "request.id"),
        std::pair(R"({"id":"r-1","missing":[]})", "request.state"),
        std::pair(R"({"id":"r-1","state":"asleep","missing":[]})", "request.state"),
        std::pair(R"({"id":"r-1","state":"pending"})", "request.missing"),
        std::pair(R"({"id":"r-1","state":"pending","missing":"x"})", "request.missing"),
        std::pair(R"({"id":"r-1","state":"pending","missing":[7]})", "request.missing"),
        std::pair(R"({"id":"r-1","state":"rejected","missing":[],"comment":7})", "request.comment"),
        std::pair(R"({"id":"r-1","state":"rejected","missing":[],"ended_by":[]})",
                  "request.ended_by")));

TEST_F(ApprovalTest, AnAnswerThatIsNoJsonOrOfAnotherRequestIsNonsense) {
  ScriptedServer garbled({denied("r-1"), json_answer(200, "{")});
  expect_refused(sign(garbled, kWaits), CKR_DEVICE_ERROR,
                 "the control plane answers nonsense: the request is no JSON [request r-1]");
  ScriptedServer confused({denied("r-1"), seen("approved", "", "r-2")});
  expect_refused(sign(confused, kWaits), CKR_DEVICE_ERROR,
                 "the control plane answers nonsense: it speaks of another request [request r-1]");
}

TEST_F(ApprovalTest, AnIdThatFitsInNoPathIsNone) {
  ScriptedServer server({denied("../signers")});
  expect_refused(sign(server, kWaits), CKR_FUNCTION_REJECTED, "ci has no grant.");
}

TEST_F(ApprovalTest, LongTextOfOthersIsCut) {
  ScriptedServer server(
      {denied("r-1"), seen("rejected", R"(,"comment":")" + std::string(5'000, 'x') + "\"")});
  expect_refused(sign(server, kWaits), CKR_FUNCTION_REJECTED,
                 "the request was rejected: " + std::string(2'000, 'x') + "… [request r-1]");
}

// Waiting.

TEST_F(ApprovalTest, TheCallIsHeldUntilAnApproverSaysYes) {
  ScriptedServer server({denied(), opened(), seen("pending"), seen("approved"), kSigned});
  expect_signed(sign(server, kAsksAndWaits));
  const std::string look = "GET /v1/requests/r-1";
  EXPECT_EQ(lines_of(server), (std::vector{kSign, kAsk, look, look, kSign}));
}

TEST_F(ApprovalTest, ThePersonIsToldAtOnceWhatTheCallWaitsForAndHowLong) {
  ScriptedServer server([this](const std::string& asked) {
    if (asked.starts_with(kAsk)) return opened();
    if (asked.starts_with("GET ")) return seen(told().empty() ? "rejected" : "approved");
    return told().empty() ? denied() : kSigned;
  });
  expect_signed(sign(server, {true, 10min}));
  EXPECT_EQ(told(),
            "sealwright: signer \"release\": waiting up to 10m for approval. It waits for carol. "
            "[request r-1]\n");
}

TEST_F(ApprovalTest, WithoutAskingARequestThatIsPendingIsWaitedFor) {
  ScriptedServer server({denied("r-9"), seen("approved", "", "r-9"), kSigned});
  expect_signed(sign(server, {false, 36h}));
  EXPECT_EQ(told(),
            "sealwright: signer \"release\": waiting up to 1d12h for approval. ci has no grant. "
            "[request r-9]\n");
  EXPECT_EQ(lines_of(server), (std::vector{kSign, std::string("GET /v1/requests/r-9"), kSign}));
}

TEST_F(ApprovalTest, WithoutAskingAndWithNothingPendingThereIsNothingToWaitFor) {
  ScriptedServer server({denied()});
  expect_refused(sign(server, kWaits), CKR_FUNCTION_REJECTED, "ci has no grant.");
  EXPECT_EQ(told(), "");
}

struct Ending {
  std::string state;
  std::string more;
  std::string what;
};
class EndedInVain : public ApprovalTest, public ::testing::WithParamInterface<Ending> {};

TEST_P(EndedInVain, IsARejectionThatSaysHow) {
  ScriptedServer server({denied("r-1"), seen("pending"), seen(GetParam().state, GetParam().more)});
  expect_refused(sign(server, kWaits), CKR_FUNCTION_REJECTED, GetParam().what + " [request r-1]");
  EXPECT_EQ(server.requests().size(), 3U);
}

INSTANTIATE_TEST_SUITE_P(
    All, EndedInVain,
    ::testing::Values(
        Ending{"rejected", R"(,"ended_by":"carol","comment":"Not on a Friday")",
               "carol rejected the request: Not on a Friday"},
        Ending{"rejected", R"(,"ended_by":"carol","comment":null)", "carol rejected the request"},
        Ending{"rejected", "", "the request was rejected"},
        Ending{"cancelled", R"(,"ended_by":"dave")", "dave cancelled the request"},
        Ending{"cancelled", "", "the request was cancelled"},
        Ending{"expired", R"(,"ended_by":null)", "the request expired before it was approved"}));

TEST_F(ApprovalTest, AWaitThatIsOverSaysWhichRequestStillWaits) {
  ScriptedServer server({denied(), opened(), seen("pending")});
  const auto before = Deadline::Clock::now();
  expect_refused(sign(server, {true, 1s}), CKR_FUNCTION_CANCELED,
                 "no approval within 1s; the request stays open. It waits for carol. "
                 "[request r-1]");
  const auto took = Deadline::Clock::now() - before;
  EXPECT_GE(took, 1s);
  EXPECT_LT(took, 5s);
  const std::size_t looks = server.requests().size() - 2;
  EXPECT_GE(looks, 2U);
  EXPECT_LE(looks, 6U) << "pauses grow: 250 ms, 375 ms, 562 ms, each less up to a half";
}

TEST_F(ApprovalTest, AnApprovalInTheLastMomentCounts) {
  ScriptedServer server({denied("r-1"), seen("approved"), kSigned});
  expect_signed(sign(server, {false, 1ms}));  // over before the first pause ends
}

TEST_F(ApprovalTest, FaultsOfTheNetworkAreSatOut) {
  ScriptedServer server({denied("r-1"),
                         problem(503, "Busy."),
                         {"", true},
                         {"rubbish\r\n\r\n", true},
                         problem(429, "Slower."),
                         problem(500, "Oops."),
                         seen("approved"),
                         kSigned});
  expect_signed(sign(server, {false, 1min}));
}

TEST_F(ApprovalTest, FaultsToTheEndAreADeviceErrorWithTheCause) {
  ScriptedServer server({denied("r-1"), problem(503, "Busy.")});
  expect_refused(sign(server, {false, 500ms}), CKR_DEVICE_ERROR,
                 "no approval within 500ms; control plane " + server.url() +
                     " is not available: Busy. [request r-1]");
}

TEST_F(ApprovalTest, AServerThatStallsHoldsAWaitNoLongerThanOneRequest) {
  ScriptedServer server({denied("r-1"), {"", false, false, true}});
  expect_refused(sign(server, {false, 300ms, 300ms}), CKR_DEVICE_ERROR,
                 "no approval within 300ms; control plane " + server.url() +
                     " is not available: no answer in time [request r-1]");
}

TEST_F(ApprovalTest, FaultsThatPassedAreForgotten) {
  ScriptedServer server({denied("r-1"), problem(503, "Busy."), seen("pending")});
  expect_refused(sign(server, {false, 1s}), CKR_FUNCTION_CANCELED,
                 "no approval within 1s; the request stays open. It waits for carol. "
                 "[request r-1]");
}

class RefusedToLook : public ApprovalTest, public ::testing::WithParamInterface<Refused> {};

TEST_P(RefusedToLook, EndsTheWait) {
  ScriptedServer server({denied("r-1"), problem(GetParam().status, "Enough.")});
  expect_refused(sign(server, kWaits), GetParam().rv, "Enough. [request r-1]");
  EXPECT_EQ(server.requests().size(), 2U);
}

INSTANTIATE_TEST_SUITE_P(All, RefusedToLook,
                         ::testing::Values(Refused{400, CKR_FUNCTION_REJECTED},
                                           Refused{401, CKR_USER_NOT_LOGGED_IN},
                                           Refused{403, CKR_FUNCTION_REJECTED},
                                           Refused{404, CKR_FUNCTION_REJECTED}),
                         [](const auto& info) { return std::to_string(info.param.status); });

// The grant was used up by somebody else.

TEST_F(ApprovalTest, AGrantThatOthersUsedUpIsAskedForAgain) {
  ScriptedServer server({denied(), opened("pending", "r-1"), seen("approved", "", "r-1"), denied(),
                         opened("pending", "r-2"), seen("approved", "", "r-2"), kSigned});
  expect_signed(sign(server, kAsksAndWaits));
  EXPECT_TRUE(has(told(), "[request r-1]\n")) << told();
  EXPECT_TRUE(has(told(), "[request r-2]\n")) << told();
}

TEST_F(ApprovalTest, WithoutAskingItIsWaitedForAgainOnlyWhereARequestIsPending) {
  ScriptedServer again(
      {denied("r-1"), seen("approved"), denied("r-2"), seen("approved", "", "r-2"), kSigned});
  expect_signed(sign(again, kWaits));
  ScriptedServer over({denied("r-1"), seen("approved"), denied()});
  expect_refused(sign(over, kWaits), CKR_FUNCTION_REJECTED, "ci has no grant.");
}

TEST_F(ApprovalTest, AllRoundsShareOneWaitAndKeepADistance) {
  ScriptedServer server([](const std::string& asked) {
    return asked.starts_with(kAsk) ? opened("approved") : denied();
  });
  const auto before = Deadline::Clock::now();
  expect_refused(sign(server, {true, 1s}), CKR_FUNCTION_CANCELED,
                 "no grant within 1s: ci has no grant.");
  EXPECT_LT(Deadline::Clock::now() - before, 5s);
  EXPECT_LE(server.requests().size(), 16U);
}

// A tool that repeats a failed call at once.

TEST_F(ApprovalTest, ARepeatOfTheSameCallNeitherAsksNorWaitsAgain) {
  ScriptedServer server({denied(), opened(), seen("rejected"), denied()});
  const auto first = sign(server, kAsksAndWaits);
  expect_refused(first, CKR_FUNCTION_REJECTED, "the request was rejected [request r-1]");
  const auto second = sign();
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().rv, first.error().rv);
  EXPECT_EQ(second.error().message, first.error().message);
  EXPECT_FALSE(second.error().for_person) << "who was told already";
  EXPECT_EQ(lines_of(server).back(), kSign);
  EXPECT_EQ(server.requests().size(), 4U);
}

TEST_F(ApprovalTest, ARepeatIsSignedWhereThereIsAGrantByThen) {
  ScriptedServer server({denied(), opened(), seen("rejected"), kSigned});
  ASSERT_FALSE(sign(server, kAsksAndWaits));
  expect_signed(sign());
}

TEST_F(ApprovalTest, AnotherCallIsAWishOfItsOwn) {
  ScriptedServer server(
      {denied(), opened(), seen("rejected"), denied(), opened("approved"), kSigned});
  ASSERT_FALSE(sign(server, kAsksAndWaits));
  expect_signed(service_->sign(kCaller, "release", "0a",
                               {&crypto::ecdsa::kScheme, crypto::Hash::kSha256, Bytes(32, 2), {}}));
}

TEST_F(ApprovalTest, WithoutAWaitEveryCallIsAWishOfItsOwn) {
  ScriptedServer server({denied(), opened("rejected"), denied(), opened("approved"), kSigned});
  ASSERT_FALSE(sign(server, kAsks));
  expect_signed(sign());
}

// Threads.

TEST_F(ApprovalTest, StopEndsAWait) {
  ScriptedServer server({denied("r-1"), seen("pending")});
  service(server, {false, 10min});
  std::thread waiter([this] {
    expect_refused(sign(), CKR_FUNCTION_CANCELED,
                   "the wait for approval ended with C_Finalize [request r-1]");
  });
  server.await_requests(2);  // a look was taken: it waits
  const auto before = Deadline::Clock::now();
  service_->stop();
  waiter.join();
  EXPECT_LT(Deadline::Clock::now() - before, 2s);
}

TEST_F(ApprovalTest, StopEndsAWaitThoughTheServerStalls) {
  ScriptedServer server({denied("r-1"), {"", false, false, true}});
  service(server, {false, 10min, 10min});
  std::thread waiter([this] {
    expect_refused(sign(), CKR_FUNCTION_CANCELED,
                   "the wait for approval ended with C_Finalize [request r-1]");
  });
  server.await_requests(2);
  const auto before = Deadline::Clock::now();
  service_->stop();
  waiter.join();
  EXPECT_LT(Deadline::Clock::now() - before, 2s);
}

TEST_F(ApprovalTest, StopHurriesNothingElse) {
  ScriptedServer server({problem(503, "Busy."), kSigned});
  service(server, kAsksAndWaits).stop();
  expect_signed(sign());

  ScriptedServer denies({denied("r-1")});
  service(denies, kWaits).stop();
  expect_refused(sign(), CKR_FUNCTION_CANCELED,
                 "the wait for approval ended with C_Finalize [request r-1]");
  EXPECT_EQ(told(), "") << "no wait, so none is announced";
}

TEST_F(ApprovalTest, ManyThreadsWaitAtOnceAndHoldUpNobody) {
  std::atomic<bool> approved{false};
  ScriptedServer server([&approved](const std::string& asked) {
    if (asked.starts_with("POST /v1/signers/other/sign")) return kSigned;
    if (asked.starts_with("GET ")) return seen(approved ? "approved" : "pending");
    if (asked.starts_with(kAsk)) return opened();
    return approved ? kSigned : denied();
  });
  service(server, kAsksAndWaits);
  std::vector<std::thread> waiters;
  for (int i = 0; i < 4; ++i) {
    waiters.emplace_back([this] { expect_signed(sign()); });
  }
  server.await_requests(12);  // sign, ask and look, by each
  expect_signed(sign("other"));
  approved = true;
  for (std::thread& waiter : waiters) waiter.join();
}

}  // namespace
}  // namespace sealwright::remote
