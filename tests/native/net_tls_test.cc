// Who is believed to be the control plane, and what a person is told when somebody is not.
#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>

#include "certificates.h"
#include "net/connection_pool.h"

namespace sealwright::net {
namespace {

using sealwright::testing::Identity;
using sealwright::testing::make_identity;
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
            "the server's certificate is not for \"localhost\"");
  EXPECT_EQ(complaint(get(trusting_ca(), server.url("127.0.0.1"))),
            "the server's certificate is not for \"127.0.0.1\"");
}

TEST_F(Tls, ASubjectNamesNoHost) {
  const Identity of_old = make_identity({"localhost", ""}, &ca_);
  const TlsServer server(of_old, kAnswer);
  EXPECT_EQ(complaint(get(trusting_ca(), server.url("localhost"))),
            "the server's certificate is not for \"localhost\"");
}

TEST_F(Tls, AnExpiredCertificateIsRefused) {
  const Identity old = make_identity({"server", "DNS:localhost", false, -7200, -3600}, &ca_);
  const TlsServer server(old, kAnswer);
  EXPECT_EQ(complaint(get(trusting_ca(), server.url("localhost"))),
            "the server's certificate, or one that issued it, has expired");
}

TEST_F(Tls, ACertificateOfTomorrowPointsToTheClock) {
  const Identity early = make_identity({"server", "DNS:localhost", false, 3600, 7200}, &ca_);
  const TlsServer server(early, kAnswer);
  EXPECT_NE(complaint(get(trusting_ca(), server.url("localhost"))).find("clock"),
            std::string::npos);
}

TEST_F(Tls, AnUnknownAuthorityIsRefusedWithTheSettingToUse) {
  const Identity strange_ca = make_identity({"Strange CA", "", true});
  const Identity strange = make_identity({"server", "DNS:localhost"}, &strange_ca);
  const TlsServer server(strange, kAnswer);
  EXPECT_NE(complaint(get(trusting_ca(), server.url("localhost"))).find("SEALWRIGHT_CA_FILE"),
            std::string::npos);
  EXPECT_NE(complaint(get(TlsFiles{}, server.url("localhost"))).find("SEALWRIGHT_CA_FILE"),
            std::string::npos);
}

TEST_F(Tls, OlderThanTls12IsRefused) {
  const TlsServer old(good_, kAnswer, TLS1_1_VERSION);
  EXPECT_NE(complaint(get(trusting_ca(), old.url("localhost"))), "answered");
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
  EXPECT_NE(complaint(get(trusting_ca(), server.url("localhost"))), "answered");
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
