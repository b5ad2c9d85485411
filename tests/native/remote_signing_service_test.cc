// The control plane as the module sees it: what it asks, and what becomes of each kind of answer.
#include "remote/remote_signing_service.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <regex>

#include "crypto/ecdsa.h"
#include "remote/http_control_plane.h"
#include "scripted_server.h"

namespace sealwright::remote {
namespace {

using sealwright::testing::Answer;
using sealwright::testing::json_answer;
using sealwright::testing::ScriptedServer;

const Secret kKey("swk_" + std::string(43, 'a'));
const Credential kCaller("a key", kKey);
const std::string kSigned = R"({"signature":"AQID","operation_id":"o","certificate_serial":"0a"})";
const std::string kSha = std::string(64, 'a');

std::string catalogue(const std::string& signer_fields = "") {
  return R"({"signers":[{"id":"s-1","number":7,"name":"release","status":"active","role":null,)"
         R"("key":"p256","public_key":"AAEC","certificate":"AwQF","certificate_serial":"0a",)"
         R"("not_after":"2027-01-01T00:00:00Z","issuers":[")" +
         kSha + "\"]" + signer_fields + R"(}],"certificates":[{"sha256":")" + kSha +
         R"(","der":"BgcI"}]})";
}

Settings settings_for(std::vector<std::string> urls) {
  Settings settings;
  settings.urls = std::move(urls);
  settings.request_timeout = std::chrono::milliseconds(3'000);
  settings.list_timeout = std::chrono::milliseconds(3'000);
  settings.connect_timeout = std::chrono::milliseconds(1'000);
  settings.log_level = LogLevel::kOff;
  return settings;
}

class Client {
 public:
  explicit Client(Settings settings, Credential caller = kCaller)
      : caller_(std::move(caller)),
        log_(settings.log_level, ""),
        service_(std::make_unique<HttpControlPlane>(settings, log_), settings.approval,
                 settings.receipts_folder, log_) {}
  explicit Client(const ScriptedServer& server) : Client(settings_for({server.url()})) {}

  Result<Signed> sign() {
    return service_.sign(caller_, "release", "0a",
                         {&crypto::ecdsa::kScheme, crypto::Hash::kSha256, Bytes(32, 1), {}});
  }
  Result<std::unique_ptr<Catalogue>> list(const std::optional<std::string>& held = {}) {
    return service_.fetch_catalogue(caller_, held);
  }
  RemoteSigningService& service() { return service_; }

 private:
  Credential caller_;
  Log log_;
  RemoteSigningService service_;
};

std::string field(const std::string& request, const std::string& name) {
  std::smatch match;
  return std::regex_search(request, match, std::regex("\r\n" + name + ": ([^\r]*)"))
             ? match[1].str()
             : "";
}

TEST(Catalogue, IsReadWithItsIssuersAndItsTag) {
  ScriptedServer server({json_answer(200, catalogue(), "ETag: \"e1\"\r\n")});
  Client client(server);
  const auto list = client.list();
  ASSERT_TRUE(list) << list.error().message;
  EXPECT_EQ((*list)->etag, "\"e1\"");
  ASSERT_EQ((*list)->signers.size(), 1U);
  const SignerRecord& signer = (*list)->signers[0];
  EXPECT_EQ(signer.id, "s-1");
  EXPECT_EQ(signer.number, 7U);
  EXPECT_EQ(signer.name, "release");
  EXPECT_EQ(signer.status, SignerStatus::kActive);
  EXPECT_EQ(signer.public_key, (Bytes{0, 1, 2}));
  EXPECT_EQ(signer.certificate, (Bytes{3, 4, 5}));
  EXPECT_EQ(signer.certificate_serial, "0a");
  EXPECT_EQ(signer.not_after, "2027-01-01T00:00:00Z");
  ASSERT_EQ(signer.issuers.size(), 1U);
  EXPECT_EQ(*signer.issuers[0], (Bytes{6, 7, 8}));
}

TEST(Catalogue, UnchangedIsNull) {
  ScriptedServer server({{"HTTP/1.1 304 Not Modified\r\nETag: \"e1\"\r\n\r\n"}});
  Client client(server);
  const auto list = client.list("\"e1\"");
  ASSERT_TRUE(list) << list.error().message;
  EXPECT_EQ(*list, nullptr);
  EXPECT_EQ(field(server.requests().at(0), "If-None-Match"), "\"e1\"");
}

// Whatever passes: no answer, or one of a server that is busy, starting or ending.
std::vector<Answer> bad_days() {
  std::vector<Answer> script{{"", false, true}, {"", true}};
  for (const int status : {429, 502, 503, 504, 503, 502, 429, 503}) {
    script.push_back(json_answer(status, "{}"));
  }
  return script;
}

TEST(Catalogue, TheFirstIsTriedForUntilItIsThere) {
  std::vector<Answer> script = bad_days();
  script.push_back(json_answer(200, catalogue()));
  ScriptedServer server(script);
  Settings settings = settings_for({server.url()});
  settings.list_timeout = std::chrono::milliseconds(60'000);
  const auto list = Client(settings).list();
  ASSERT_TRUE(list) << list.error().message;
  EXPECT_EQ((*list)->signers.size(), 1U);
}

TEST(Catalogue, ForAnotherEachServerIsAskedOnce) {
  ScriptedServer busy({json_answer(503, "{}"), json_answer(200, catalogue())});
  ScriptedServer starting({json_answer(502, "{}"), json_answer(200, catalogue())});
  EXPECT_FALSE(Client(settings_for({busy.url(), starting.url()})).list("\"e1\""));
  EXPECT_EQ(busy.requests().size(), 1U);
  EXPECT_EQ(starting.requests().size(), 1U);
}

TEST(Catalogue, WhatAPersonMustPutRightIsToldAtOnce) {
  Settings settings = settings_for({"https://localhost:1"});
  settings.list_timeout = std::chrono::hours(1);
  settings.tls.ca_file = "/nowhere/ca.pem";
  const auto list = Client(settings).list();
  ASSERT_FALSE(list);
  EXPECT_NE(list.error().message.find("/nowhere/ca.pem"), std::string::npos)
      << list.error().message;
}

TEST(Catalogue, InChunksIsRead) {
  const std::string body = catalogue();
  char size[16];
  std::snprintf(size, sizeof(size), "%zx", body.size() - 5);
  ScriptedServer server(
      {{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n" + body.substr(0, 5) + "\r\n" +
        size + "\r\n" + body.substr(5) + "\r\n0\r\n\r\n"}});
  Client client(server);
  ASSERT_TRUE(client.list());
  ASSERT_TRUE(client.list());
  EXPECT_EQ(server.connections(), 1);
}

class NonsenseCatalogue : public ::testing::TestWithParam<std::pair<std::string, std::string>> {};

TEST_P(NonsenseCatalogue, NamesTheField) {
  ScriptedServer server({json_answer(200, GetParam().first)});
  const auto list = Client(server).list();
  ASSERT_FALSE(list);
  EXPECT_EQ(list.error().rv, CKR_DEVICE_ERROR);
  EXPECT_TRUE(list.error().for_person);
  EXPECT_NE(list.error().message.find(GetParam().second), std::string::npos)
      << list.error().message;
}

std::string with(const std::string& from, const std::string& to) {
  std::string text = catalogue();
  return text.replace(text.find(from), from.size(), to);
}

INSTANTIATE_TEST_SUITE_P(
    All, NonsenseCatalogue,
    ::testing::Values(std::pair(catalogue().substr(0, 90), "no JSON"), std::pair("", "no JSON"),
                      std::pair(std::string(1000, '['), "no JSON"), std::pair("[]", "catalogue"),
                      std::pair(R"({"signers":{}})", "catalogue.signers"),
                      std::pair(R"({"signers":[3],"certificates":[]})", "signers[0]"),
                      std::pair(with("\"s-1\"", "17"), "signers[0].id"),
                      std::pair(with(":7,", ":0,"), "signers[0].number"),
                      std::pair(with(":7,", ":-7,"), "signers[0].number"),
                      std::pair(with(":7,", ":2147483648,"), "signers[0].number"),
                      std::pair(with(":7,", ":7.5,"), "signers[0].number"),
                      std::pair(with("release", "../x"), "signers[0].name"),
                      std::pair(with("\"active\"", "7"), "signers[0].status"),
                      std::pair(with("AAEC", "AAE"), "signers[0].public_key"),
                      std::pair(with("\"AwQF\"", "null"), "signers[0].certificate"),
                      std::pair(with("\"0a\"", "\"0G\""), "signers[0].certificate_serial"),
                      std::pair(with(kSha, std::string(64, 'b')), "signers[0].issuers"),
                      std::pair(with("BgcI", "!!!!"), "certificates[0].der")));

TEST(Catalogue, AStatusOfANewerControlPlaneDisablesItsSignerAlone) {
  ScriptedServer server({json_answer(200, with("active", "asleep"))});
  Client client(server);
  const auto list = client.list();
  ASSERT_TRUE(list) << list.error().message;
  EXPECT_EQ((*list)->signers.at(0).status, SignerStatus::kDisabled);
}

TEST(Signing, SendsTheDigestTheKeyAndWhoAsks) {
  ScriptedServer server({json_answer(200, kSigned)});
  const auto signature = Client(server).sign();
  ASSERT_TRUE(signature) << signature.error().message;
  EXPECT_EQ(signature->signature, (Bytes{1, 2, 3}));
  const std::string request = server.requests().at(0);
  EXPECT_TRUE(request.starts_with("POST /v1/signers/release/sign HTTP/1.1\r\n"));
  EXPECT_EQ(field(request, "Authorization"), "Bearer " + std::string(kKey.reveal()));
  EXPECT_TRUE(std::regex_match(
      field(request, "Idempotency-Key"),
      std::regex("[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")));
  for (const std::string part :
       {R"("scheme":"ecdsa")", R"("hash":"sha256")", R"("ecdsa_encoding":"p1363")",
        R"("certificate_serial":"0a")", R"("tool":"remote_signing_service_test")",
        R"("digest":"AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=")"}) {
    EXPECT_NE(request.find(part), std::string::npos) << part;
  }
}

TEST(Signing, TellsTheOperation) {
  ScriptedServer server({json_answer(200, kSigned)});
  EXPECT_EQ(Client(server).sign()->operation_id, "o");
}

class WithoutOperation : public ::testing::TestWithParam<std::string> {};

TEST_P(WithoutOperation, ASignatureIsOne) {
  ScriptedServer server({json_answer(200, R"({"signature":"AQID")" + GetParam() + "}")});
  const auto made = Client(server).sign();
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_EQ(made->signature, (Bytes{1, 2, 3}));
  EXPECT_EQ(made->operation_id, "");
}

INSTANTIATE_TEST_SUITE_P(Signing, WithoutOperation,
                         ::testing::Values("", R"(,"operation_id":null)", R"(,"operation_id":7)",
                                           R"(,"operation_id":"")",
                                           R"(,"operation_id":"a] sealwright: forged")",
                                           R"(,"operation_id":")" + std::string(65, 'a') + "\""));

TEST(Signing, TwoRequestsShareOneConnection) {
  ScriptedServer server({json_answer(200, catalogue()), json_answer(200, kSigned)});
  Client client(server);
  ASSERT_TRUE(client.list());
  ASSERT_TRUE(client.sign());
  EXPECT_EQ(server.connections(), 1);
}

TEST(Signing, GoesOverAUnixSocketUnderABasePath) {
  const auto path = std::filesystem::temp_directory_path() / ("sw-" + std::to_string(::getpid()));
  ScriptedServer server({json_answer(200, kSigned)}, path);
  EXPECT_TRUE(Client(server).sign());
  std::filesystem::remove(path);

  ScriptedServer plain({json_answer(200, kSigned)});
  EXPECT_TRUE(Client(settings_for({plain.url() + "/codesign/"})).sign());
  EXPECT_TRUE(plain.requests().at(0).starts_with("POST /codesign/v1/signers/release/sign "));
}

TEST(Signing, AConnectionThatDiedWhileIdleIsReplaced) {
  ScriptedServer server({json_answer(200, kSigned)});
  Client client(server);
  ASSERT_TRUE(client.sign());
  server.drop_connections();
  EXPECT_TRUE(client.sign());
  EXPECT_EQ(server.requests().size(), 2U);
}

class Retried : public ::testing::TestWithParam<Answer> {};

TEST_P(Retried, WithTheSameIdempotencyKey) {
  ScriptedServer server({GetParam(), json_answer(200, kSigned)});
  const auto signature = Client(server).sign();
  ASSERT_TRUE(signature) << signature.error().message;
  const auto requests = server.requests();
  EXPECT_EQ(field(requests.front(), "Idempotency-Key"), field(requests.back(), "Idempotency-Key"));
}

INSTANTIATE_TEST_SUITE_P(
    All, Retried,
    ::testing::Values(Answer{"", false, true}, Answer{"", true},
                      Answer{"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{", true},
                      Answer{"HTTP/1.1 200 OK\r\nContent-Le", true},
                      Answer{"rubbish\r\n\r\n", true}, json_answer(429, "{}", "Retry-After: 1\r\n"),
                      json_answer(502, "<html>"), json_answer(503, "{}"), json_answer(504, "{}")));

TEST(Signing, AfterTheAnswerOfAFailedServerTheNextUrlIsTried) {
  ScriptedServer broken({json_answer(503, "{}")});
  ScriptedServer works({json_answer(200, kSigned)});
  Client client(settings_for({broken.url(), works.url()}));
  EXPECT_TRUE(client.sign());
  EXPECT_TRUE(client.sign());
  EXPECT_EQ(broken.requests().size(), 1U);  // the one that answered is asked first
}

TEST(Signing, AServerThatStallsLeavesTimeForTheNext) {
  ScriptedServer stalled({{"", false, false, true}});
  ScriptedServer works({json_answer(200, kSigned)});
  EXPECT_TRUE(Client(settings_for({stalled.url(), works.url()})).sign());
}

TEST(Signing, AServerThatStallsIsAnErrorWithinTheDeadline) {
  ScriptedServer server({{"", false, false, true}});
  Settings settings = settings_for({server.url()});
  settings.request_timeout = std::chrono::milliseconds(300);
  const auto signature = Client(settings).sign();
  ASSERT_FALSE(signature);
  EXPECT_EQ(signature.error().rv, CKR_DEVICE_ERROR);
  EXPECT_EQ(signature.error().message,
            "control plane " + server.url() + " is not available: no answer in time");
}

TEST(Signing, AKeptConnectionThatFallsSilentIsReplaced) {
  ScriptedServer server(
      {json_answer(200, catalogue()), {"", false, false, true}, json_answer(200, kSigned)});
  Client client(server);
  ASSERT_TRUE(client.list());
  const auto signature = client.sign();
  ASSERT_TRUE(signature) << signature.error().message;
  const auto requests = server.requests();
  ASSERT_EQ(requests.size(), 3U);
  EXPECT_EQ(field(requests[1], "Idempotency-Key"), field(requests[2], "Idempotency-Key"));
  EXPECT_EQ(server.connections(), 2);
}

TEST(Signing, PlainHttpToAPortOfTlsIsToldInOneRoundTrip) {
  ScriptedServer server({json_answer(400, R"({"title":"TLS.","code":"tls_expected"})")});
  const auto signature = Client(server).sign();
  ASSERT_FALSE(signature);
  EXPECT_EQ(signature.error().rv, CKR_DEVICE_ERROR);
  EXPECT_EQ(signature.error().message,
            "control plane " + server.url() +
                " is not available: this port speaks TLS: write https:// in the url");
  EXPECT_EQ(server.requests().size(), 1U);
}

// A server that knows one key only.
Answer only_for(const std::string& key, const std::string& request) {
  if (field(request, "Authorization") == "Bearer " + key) return json_answer(200, kSigned);
  return json_answer(401, R"({"title":"Unknown.","code":"api_key_unknown"})");
}

TEST(RotatedKey, IsReadAgainFromItsFileAfterARefusal) {
  const std::string rotated = "swk_" + std::string(43, 'z');
  ScriptedServer server([&](const std::string& request) { return only_for(rotated, request); });
  int read = 0;
  const Credential caller("a key", kKey, [&]() -> Result<Secret> {
    ++read;
    return Secret(rotated);
  });
  Client client(settings_for({server.url()}), caller);
  EXPECT_TRUE(client.sign());
  EXPECT_TRUE(client.sign());
  EXPECT_EQ(read, 1);
  EXPECT_EQ(server.requests().size(), 3U);
}

TEST(RotatedKey, IsLookedForOnceInACall) {
  ScriptedServer server([](const std::string& request) { return only_for("none", request); });
  int read = 0;
  const Credential caller("a key", kKey, [&]() -> Result<Secret> {
    return Secret("swk_" + std::string(43, static_cast<char>('b' + read++)));
  });
  const auto refused = Client(settings_for({server.url()}), caller).sign();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().rv, CKR_USER_NOT_LOGGED_IN);
  EXPECT_EQ(read, 1);
  EXPECT_EQ(server.requests().size(), 2U);
}

TEST(RotatedKey, ThatAPersonGaveIsNotAskedForAgain) {
  ScriptedServer server([](const std::string& request) { return only_for("none", request); });
  EXPECT_FALSE(Client(server).sign());
  EXPECT_EQ(server.requests().size(), 1U);
}

TEST(Signing, AServerThatIsDownIsNamedWithTheCause) {
  std::string url;
  {
    ScriptedServer gone(std::vector<Answer>{});
    url = gone.url();
  }
  Settings settings = settings_for({url});
  settings.request_timeout = std::chrono::milliseconds(300);
  const auto signature = Client(settings).sign();
  ASSERT_FALSE(signature);
  EXPECT_EQ(signature.error().rv, CKR_DEVICE_ERROR);
  EXPECT_TRUE(signature.error().for_person);
  EXPECT_EQ(signature.error().message,
            "control plane " + url + " is not available: Connection refused");
}

struct Refusal {
  int status;
  std::string body;
  CK_RV rv;
  std::string message;
};

class Refused : public ::testing::TestWithParam<Refusal> {};

TEST_P(Refused, AtOnceWithTheReason) {
  ScriptedServer server({json_answer(GetParam().status, GetParam().body, "Location: /x\r\n")});
  const auto signature = Client(server).sign();
  ASSERT_FALSE(signature);
  EXPECT_EQ(signature.error().rv, GetParam().rv);
  EXPECT_TRUE(signature.error().for_person);
  EXPECT_EQ(signature.error().message, "signer \"release\": " + GetParam().message);
  EXPECT_EQ(server.requests().size(), 1U);
}

INSTANTIATE_TEST_SUITE_P(
    All, Refused,
    ::testing::Values(
        Refusal{401, R"({"title":"Revoked."})", CKR_USER_NOT_LOGGED_IN, "Revoked."},
        Refusal{401, R"({"title":"Revoked.","code":"api_key_revoked"})", CKR_USER_NOT_LOGGED_IN,
                "Revoked; an admin gives out a new one: sealwright identity key add NAME"},
        Refusal{401, R"({"title":"No.","code":"identity_disabled"})", CKR_USER_NOT_LOGGED_IN,
                "No; an admin can undo that: sealwright identity enable NAME"},
        Refusal{403, R"({"title":"No.","code":"not_a_member"})", CKR_FUNCTION_REJECTED, "No."},
        Refusal{403, R"({"title":"No grant.","request":"r-9"})", CKR_FUNCTION_REJECTED,
                "No grant. [request r-9]"},
        Refusal{404, R"({"title":"Gone."})", CKR_DEVICE_REMOVED, "Gone."},
        Refusal{409, R"({"title":"x","code":"certificate_changed"})", CKR_FUNCTION_REJECTED,
                "the signer's certificate has changed; start the tool again"},
        Refusal{409, R"({"title":"Used.","code":"idempotency_conflict"})", CKR_FUNCTION_FAILED,
                "Used."},
        Refusal{400, R"({"title":"Bad."})", CKR_FUNCTION_FAILED, "Bad."},
        Refusal{413, "{}", CKR_FUNCTION_FAILED, "the control plane answered 413 without a reason"},
        Refusal{500, "[", CKR_DEVICE_ERROR, "the control plane answered 500 without a reason"},
        Refusal{302, "", CKR_DEVICE_ERROR,
                "the control plane answered 302; redirects are never followed: check the url"}));

class NonsenseSignature : public ::testing::TestWithParam<std::string> {};

TEST_P(NonsenseSignature, IsADeviceError) {
  ScriptedServer server({json_answer(200, GetParam())});
  const auto signature = Client(server).sign();
  ASSERT_FALSE(signature);
  EXPECT_EQ(signature.error().rv, CKR_DEVICE_ERROR);
}

INSTANTIATE_TEST_SUITE_P(All, NonsenseSignature,
                         ::testing::Values("", "{", "null", "[]", "{}", R"({"signature":7})",
                                           R"({"signature":""})", R"({"signature":"***"})",
                                           R"({"signature":")" + std::string(8000, 'A') + "\"}"));

TEST(Signing, AHugeBodyIsRefused) {
  ScriptedServer server({json_answer(200, std::string(2U << 20U, ' '))});
  Settings settings = settings_for({server.url()});
  settings.request_timeout = std::chrono::milliseconds(1'000);
  const auto signature = Client(settings).sign();
  ASSERT_FALSE(signature);
  EXPECT_NE(signature.error().message.find("too large"), std::string::npos);
}

TEST(Signing, ASecondAnswerNobodyAskedForIsNotTakenForTheNext) {
  const std::string one = json_answer(200, kSigned).octets;
  ScriptedServer server({{one + one}, json_answer(200, R"({"signature":"BAUG"})")});
  Client client(server);
  ASSERT_TRUE(client.sign());
  const auto second = client.sign();
  ASSERT_TRUE(second) << second.error().message;
  EXPECT_EQ(second->signature, (Bytes{4, 5, 6}));
}

TEST(Signing, ManyThreadsShareOneService) {
  ScriptedServer server({json_answer(200, kSigned)});
  Client client(server);
  std::atomic<int> good{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 20; ++i) good += client.sign().has_value() ? 1 : 0;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(good, 160);
  EXPECT_LE(server.connections(), 8);
}

TEST(Signing, AbandonedAfterForkItsDescriptorsAreClosed) {
  ScriptedServer server({json_answer(200, kSigned)});
  Client client(server);
  ASSERT_TRUE(client.sign());
  client.service().abandon_after_fork();
  server.drop_connections();  // returns once the server has seen its side end
}

TEST(Endpoints, KeysGoInClearToThisMachineOnlyUnlessToldOtherwise) {
  const auto refused = Client(settings_for({"http://sign.example"})).sign();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().rv, CKR_DEVICE_ERROR);
  EXPECT_NE(refused.error().message.find("SEALWRIGHT_INSECURE"), std::string::npos);
}

TEST(Endpoints, NoneConfiguredSaysWhatToSet) {
  const auto refused = Client(settings_for({})).list();
  ASSERT_FALSE(refused);
  EXPECT_TRUE(refused.error().for_person);
  EXPECT_NE(refused.error().message.find("SEALWRIGHT_URL"), std::string::npos);
}

TEST(ClientContext, HidesSecretsOfTheCommandLine) {
  const std::string key = "swk_" + std::string(43, 'x');
  EXPECT_EQ(mask_command({"jarsigner", "-storepass", "s3cret", "-keypass:env", "VAR", "a.jar"}),
            "jarsigner -storepass *** -keypass:env *** a.jar");
  EXPECT_EQ(mask_command({"pkcs11-tool", "--pin", "1234", "--pin=1234", "-p", "9", "--sign"}),
            "pkcs11-tool --pin *** --pin=*** -p *** --sign");
  EXPECT_EQ(mask_command({"openssl", "-passin", "pass:x", "pass:y", "-provider", "p"}),
            "openssl -passin *** pass:*** -provider p");
  EXPECT_EQ(mask_command({"tool", "--key=" + key, key}), "tool --key=swk_*** swk_***");
  EXPECT_EQ(mask_command({"tool", "-P", "x", "--token", "x", "--password:x", "app.bin"}),
            "tool -P *** --token *** --password:*** app.bin");
  EXPECT_EQ(mask_command({"tool", "pkcs11:token=a;pin-value=1234;type=private", "app.bin"}),
            "tool pkcs11:token=a;pin-value=***;type=private app.bin");
  EXPECT_EQ(mask_command({"tool", "pkcs11:token=a;pin-value=", "app.bin"}),
            "tool pkcs11:token=a;pin-value= app.bin");
  EXPECT_EQ(mask_command({"tool", "-t", "https://builder:x@time.example/path", "https://a:1/@"}),
            "tool -t https://builder:***@time.example/path https://a:1/@");
  EXPECT_EQ(mask_command({"http://u:p@ss@host", "http://u:p/ss@host/x", "http://u:/p@host"}),
            "http://u:***@host http://u:***@host/x http://u:***@host");
  EXPECT_EQ(mask_command({"http://host:80/a:b@c", "http://host/a:b@c", "http://a@host/b:c"}),
            "http://host:80/a:b@c http://host/a:b@c http://a@host/b:c");
}

TEST(ClientContext, TellsTheArgumentsOfTheCommandLineApart) {
  EXPECT_EQ(mask_command({"/opt/my tools/sign", "", "--pin", "two words", "it's", "a.jar"}),
            R"('/opt/my tools/sign' '' --pin *** 'it'\''s' a.jar)");
}

}  // namespace
}  // namespace sealwright::remote
