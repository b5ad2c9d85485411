// Who is believed to be the control plane, and what a person is told when somebody is not.
#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>
#include <regex>

#include "certificates.h"
#include "net/connection_pool.h"
#include "scripted_server.h"

namespace sealwright::net {
namespace {

using sealwright::testing::Identity;
using sealwright::testing::make_identity;
using sealwright::testing::ScriptedServer;
using sealwright::testing::TlsServer;

const std::string kAnswer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";

class Tls : public ::testing::Test {
 protected:
  void SetUp() override {
    ::signal(SIGPIPE, SIG_IGN);  // for the test's own server
    folder_ = std::filesystem::temp_directory_path() / ("sw-tls-" + std::to_string(::getpid()));
    std::filesystem::create_directories(folder_);
    sealwright::testing::write_certificate(path("ca.pem"), ca_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  [[nodiscard]] std::string path(const std::string& name) const { return folder_ / name; }
  [[nodiscard]] TlsFiles trusting_ca() const { return {path("ca.pem"), "", ""}; }

  static Result<Response> get(ConnectionPool& pool, const std::string& url) {
    Request request;
    request.method = "GET";
    request.path = "/";
    return pool.exchange(*parse_url(url), request, 1024,
                         Deadline::after(std::chrono::milliseconds(3'000)));
  }
  static Result<Response> get(const TlsFiles& files, const std::string& url) {
    ConnectionPool pool(files, std::chrono::milliseconds(3'000));
    return get(pool, url);
  }
  static std::string complaint(const Result<Response>& response) {
    return response ? "answered" : response.error().message;
  }

  const Identity ca_ = make_identity({"Test CA", "", true});
  const Identity good_ =
      make_identity({"server", "DNS:localhost,IP:127.0.0.1,DNS:*.example"}, &ca_);
  std::filesystem::path folder_;
};

TEST_F(Tls, AServerOfATrustedAuthorityIsBelievedByNameAndByAddress) {
  const TlsServer server(good_, kAnswer);
  EXPECT_EQ(complaint(get(trusting_ca(), server.url("localhost"))), "answered");
  EXPECT_EQ(complaint(get(trusting_ca(), server.url("127.0.0.1"))), "answered");
}

TEST_F(Tls, OneHandshakeServesManyRequests) {
  const TlsServer server(good_, kAnswer);
  ConnectionPool pool(trusting_ca(), std::chrono::milliseconds(3'000));
  for (int i = 0; i < 3; ++i) EXPECT_EQ(complaint(get(pool, server.url("localhost"))), "answered");
  EXPECT_EQ(server.handshakes(), 1);
}

TEST_F(Tls, TheWrongHostIsNamed) {
  const Identity other = make_identity({"localhost", "DNS:other.example"}, &ca_);
  const TlsServer server(other, kAnswer);
  EXPECT_EQ(complaint(get(trusting_ca(), server.url("localhost"))),
            "the server's certificate is for other.example, not for \"localhost\"");
  EXPECT_EQ(complaint(get(trusting_ca(), server.url("127.0.0.1"))),
            "the server's certificate is for other.example, not for \"127.0.0.1\"");
}

TEST_F(Tls, ASubjectNamesNoHost) {
  const Identity of_old = make_identity({"localhost", ""}, &ca_);
  const TlsServer server(of_old, kAnswer);
  EXPECT_EQ(complaint(get(trusting_ca(), server.url("localhost"))),
            "the server's certificate is not for \"localhost\"");
}

TEST_F(Tls, AnExpiredCertificateIsNamedWithItsEnd) {
  const Identity old = make_identity({"server", "DNS:localhost", false, -7200, -3600}, &ca_);
  const TlsServer server(old, kAnswer);
  EXPECT_TRUE(std::regex_match(
      complaint(get(trusting_ca(), server.url("localhost"))),
      std::regex(R"(the server's certificate \(CN=server\) expired on 20..-..-..T..:..:..Z)")));
}

TEST_F(Tls, AnAuthorityThatExpiredIsTheOneThatIsNamed) {
  const Identity old_ca = make_identity({"Old CA", "", true, -7200, -3600});
  const Identity leaf = make_identity({"server", "DNS:localhost"}, &old_ca);
  sealwright::testing::write_certificate(path("old.pem"), old_ca);
  const TlsServer server(leaf, kAnswer);
  const std::string said = complaint(get({path("old.pem"), "", ""}, server.url("localhost")));
  EXPECT_TRUE(said.starts_with("the certificate of an authority (CN=Old CA) above the server's"))
      << said;
}

TEST_F(Tls, ACertificateOfTomorrowPointsToTheClock) {
  const Identity early = make_identity({"server", "DNS:localhost", false, 3600, 7200}, &ca_);
  const TlsServer server(early, kAnswer);
  const std::string said = complaint(get(trusting_ca(), server.url("localhost")));
  EXPECT_TRUE(said.starts_with("the server's certificate (CN=server) is not valid before 20"))
      << said;
  EXPECT_NE(said.find("clock"), std::string::npos) << said;
}

TEST_F(Tls, AnUnknownAuthorityIsNamedWithTheSettingToUse) {
  const Identity strange_ca = make_identity({"Strange CA", "", true});
  const Identity strange = make_identity({"server", "DNS:localhost"}, &strange_ca);
  const TlsServer server(strange, kAnswer);
  for (const TlsFiles& files : {trusting_ca(), TlsFiles{}}) {
    EXPECT_EQ(complaint(get(files, server.url("localhost"))),
              "the server's certificate comes from CN=Strange CA, which is not trusted here; name "
              "its CA with SEALWRIGHT_CA_FILE or ca_file");
  }
}

TEST_F(Tls, AnAuthorityOfTheSameNameAndAnotherKeyIsToldApart) {
  const Identity namesake = make_identity({"Test CA", "", true});
  const Identity strange = make_identity({"server", "DNS:localhost"}, &namesake);
  const TlsServer server(strange, kAnswer);
  EXPECT_EQ(complaint(get(trusting_ca(), server.url("localhost"))),
            "the server's certificate comes from another CN=Test CA than the one that is trusted "
            "here; name its CA with SEALWRIGHT_CA_FILE or ca_file");
}

TEST_F(Tls, AFileThatIsNotThereIsToldSo) {
  const TlsServer server(make_identity({"server", "DNS:localhost"}), kAnswer);
  const std::string gone = path("gone.pem");
  EXPECT_EQ(complaint(get({gone, "", ""}, server.url("localhost"))),
            "CA file " + gone + ": No such file or directory");
  EXPECT_EQ(complaint(get({path("ca.pem"), gone, gone}, server.url("localhost"))),
            "client certificate " + gone + ": No such file or directory");
}

TEST_F(Tls, OlderThanTls12IsRefused) {
  const TlsServer old(good_, kAnswer, TLS1_1_VERSION);
  EXPECT_EQ(complaint(get(trusting_ca(), old.url("localhost"))),
            "the server speaks no TLS of version 1.2 or newer");
  const TlsServer accepted(good_, kAnswer, TLS1_2_VERSION);
  EXPECT_EQ(complaint(get(trusting_ca(), accepted.url("localhost"))), "answered");
}

TEST_F(Tls, AClientCertificateIsShownWhereTheServerAsks) {
  const Identity client = make_identity({"client", ""}, &ca_);
  sealwright::testing::write_certificate(path("client.pem"), client);
  sealwright::testing::write_key(path("client.key"), client);
  const TlsServer server(good_, kAnswer, TLS1_3_VERSION, &ca_);
  EXPECT_EQ(complaint(get({path("ca.pem"), path("client.pem"), path("client.key")},
                          server.url("localhost"))),
            "answered");
  const std::string said = complaint(get(trusting_ca(), server.url("localhost")));
  EXPECT_TRUE(said.starts_with("the server asks for a client certificate")) << said;
  EXPECT_NE(said.find("client_cert"), std::string::npos) << said;
}

TEST_F(Tls, AClientCertificateThatTheServerRefusesIsNamed) {
  const Identity other_ca = make_identity({"Other CA", "", true});
  const Identity client = make_identity({"builder", ""}, &other_ca);
  sealwright::testing::write_certificate(path("client.pem"), client);
  sealwright::testing::write_key(path("client.key"), client);
  const TlsServer server(good_, kAnswer, TLS1_3_VERSION, &ca_);
  const TlsFiles files{path("ca.pem"), path("client.pem"), path("client.key")};
  const std::string said = complaint(get(files, server.url("localhost")));
  EXPECT_TRUE(said.starts_with("the server refuses this machine's client certificate (CN=builder)"))
      << said;
}

TEST_F(Tls, WhatAPersonMustPutRightIsALastingFault) {
  const Identity strange_ca = make_identity({"Strange CA", "", true});
  const Identity strange = make_identity({"server", "DNS:localhost"}, &strange_ca);
  const TlsServer server(strange, kAnswer);
  const auto refused = get(trusting_ca(), server.url("localhost"));
  ASSERT_FALSE(refused);
  EXPECT_TRUE(is_lasting(refused.error()));
}

TEST_F(Tls, APortThatSpeaksPlainHttpIsRecognisedByItsFirstAnswer) {
  ScriptedServer server(
      {{"HTTP/1.1 400 Bad Request\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}", true, false,
        false, true}});
  const auto refused = get(trusting_ca(), "https" + server.url().substr(4));
  EXPECT_NE(complaint(refused).find("plain HTTP"), std::string::npos) << complaint(refused);
  EXPECT_NE(complaint(refused).find("http://"), std::string::npos) << complaint(refused);
  EXPECT_TRUE(is_lasting(refused.error()));
  EXPECT_EQ(server.connections(), 1);
}

TEST_F(Tls, APortThatSpeaksTlsIsRecognisedByItsAlert) {
  ScriptedServer server({{std::string("\x15\x03\x03\0\x02\x02\x32", 7), true}});
  const auto refused = get(trusting_ca(), server.url());
  EXPECT_NE(complaint(refused).find("https://"), std::string::npos) << complaint(refused);
  EXPECT_TRUE(is_lasting(refused.error()));
}

TEST_F(Tls, AFileThatCannotBeUsedIsNamed) {
  EXPECT_NE(complaint(get({path("none.pem"), "", ""}, "https://localhost:1")).find("none.pem"),
            std::string::npos);
  EXPECT_NE(
      complaint(get({path("ca.pem"), path("ca.pem"), path("none.key")}, "https://localhost:1"))
          .find("none.key"),
      std::string::npos);
}

}  // namespace
}  // namespace sealwright::net
