// Which connections go through a proxy, and what it is told.
#include <gtest/gtest.h>

#include "base/bytes.h"
#include "net/connection_pool.h"
#include "net/proxy.h"
#include "scripted_server.h"

namespace sealwright::net {
namespace {

using sealwright::testing::Answer;
using sealwright::testing::ScriptedServer;

Result<Proxy> proxy_of(const std::string& url, const std::string& except = "") {
  return parse_proxy({Secret(url), except});
}

TEST(Proxy, NoneIsNoFault) {
  const auto none = parse_proxy({});
  ASSERT_TRUE(none);
  EXPECT_FALSE(none->serves(*parse_url("https://sign.example")));
}

TEST(Proxy, IsReadWithAndWithoutScheme) {
  for (const std::string url :
       {"http://proxy.example:3128", "HTTP://proxy.example:3128/", "proxy.example:3128"}) {
    const auto proxy = proxy_of(url);
    ASSERT_TRUE(proxy) << url;
    EXPECT_EQ(proxy->url().origin(), "http://proxy.example:3128");
    EXPECT_TRUE(proxy->credentials.empty());
  }
}

TEST(Proxy, CredentialsAreDecodedAndAreNoPartOfItsUrl) {
  const auto proxy = proxy_of("http://ci%40example:p%3a%2Fss@proxy.example:3128");
  ASSERT_TRUE(proxy);
  EXPECT_EQ(proxy->credentials.reveal(), to_base64(as_bytes("ci@example:p:/ss")));
  EXPECT_EQ(proxy->url().origin(), "http://proxy.example:3128");
}

TEST(Proxy, OneThatCannotBeUnderstoodIsToldWithoutItsPassword) {
  for (const std::string url :
       {"https://u:s3cret@proxy.example", "socks5://u:s3cret@proxy.example",
        "http://u:s3cret/x@proxy.example", "u:s3cret@", "http://u:s3cret%4@proxy.example",
        "http://u:s3cret@proxy.example:0"}) {
    const auto refused = proxy_of(url);
    ASSERT_FALSE(refused) << url;
    EXPECT_TRUE(refused.error().message.starts_with("the proxy's url "));
    EXPECT_EQ(refused.error().message.find("s3cret"), std::string::npos);
  }
}

TEST(Proxy, ServesHttpsToOtherMachinesOnly) {
  const Proxy proxy = *proxy_of("proxy.example");
  EXPECT_TRUE(proxy.serves(*parse_url("https://sign.example:8443")));
  EXPECT_TRUE(proxy.serves(*parse_url("https://192.0.2.1")));
  for (const std::string url :
       {"http://sign.example", "https://localhost", "https://127.0.0.1:8443", "https://[::1]",
        "unix:/run/sealwright.sock"}) {
    EXPECT_FALSE(proxy.serves(*parse_url(url))) << url;
  }
}

struct Exception {
  std::string except;
  std::string url;
  bool is_excepted;
};

class NoProxy : public ::testing::TestWithParam<Exception> {};

TEST_P(NoProxy, IsReadAsOtherProgramsDo) {
  const auto& [except, url, is_excepted] = GetParam();
  EXPECT_EQ(proxy_of("proxy.example", except)->serves(*parse_url(url)), !is_excepted)
      << except << " and " << url;
}

INSTANTIATE_TEST_SUITE_P(
    All, NoProxy,
    ::testing::Values(Exception{"*", "https://sign.example", true},
                      Exception{"sign.example", "https://sign.example", true},
                      Exception{"Example", "https://SIGN.example:8443", true},
                      Exception{".example", "https://sign.example", true},
                      Exception{"*.example", "https://sign.example", true},
                      Exception{"ign.example", "https://sign.example", false},
                      Exception{"sign.example.org", "https://sign.example", false},
                      Exception{"a.example, sign.example", "https://sign.example", true},
                      Exception{"sign.example:8443", "https://sign.example:8443", true},
                      Exception{"sign.example:8443", "https://sign.example", false},
                      Exception{"192.0.2.1", "https://192.0.2.1", true},
                      Exception{"192.0.2.0/24", "https://192.0.2.77", true},
                      Exception{"192.0.2.0/24", "https://192.0.3.1", false},
                      Exception{"2001:db8::/32", "https://[2001:db8::7]", true},
                      Exception{"[2001:db8::7]", "https://[2001:db8::7]", true},
                      Exception{",", "https://sign.example", false},
                      Exception{"", "https://sign.example", false}));

std::string refusal_of(const Answer& answer, bool& is_lasting_fault, std::string* asked = nullptr) {
  ScriptedServer server({answer});
  ConnectionPool pool(
      {}, std::chrono::seconds(3),
      proxy_of("http://builder:s3cret@" + server.url().substr(std::string("http://").size())));
  Request request;
  request.method = "GET";
  request.path = "/";
  const auto response = pool.exchange(*parse_url("https://sign.example:8443"), request, 1024,
                                      Deadline::after(std::chrono::seconds(3)));
  if (asked != nullptr) *asked = server.requests().at(0);
  is_lasting_fault = !response && is_lasting(response.error());
  return response ? "" : response.error().message;
}

TEST(Tunnel, IsAskedForWithCredentials) {
  std::string asked;
  bool lasting = false;
  refusal_of({"HTTP/1.1 403 No\r\n\r\n"}, lasting, &asked);
  EXPECT_TRUE(
      asked.starts_with("CONNECT sign.example:8443 HTTP/1.1\r\nHost: sign.example:8443\r\n"))
      << asked;
  EXPECT_NE(asked.find("\r\nProxy-Authorization: Basic " + to_base64(as_bytes("builder:s3cret")) +
                       "\r\n"),
            std::string::npos)
      << asked;
}

TEST(Tunnel, ThatIsRefusedIsToldWithTheProxyAndTheHost) {
  bool lasting = false;
  const std::string said = refusal_of({"HTTP/1.1 403 No\r\n\r\n"}, lasting);
  EXPECT_TRUE(said.starts_with("proxy http://127.0.0.1:")) << said;
  EXPECT_NE(said.find("no way to sign.example:8443 (403)"), std::string::npos) << said;
  EXPECT_EQ(said.find("s3cret"), std::string::npos) << said;
  EXPECT_TRUE(lasting);
}

TEST(Tunnel, ThatWantsCredentialsSaysWhereToPutThem) {
  bool lasting = false;
  const std::string said =
      refusal_of({"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n"}, lasting);
  EXPECT_NE(said.find("SEALWRIGHT_PROXY_URL"), std::string::npos) << said;
  EXPECT_TRUE(lasting);
}

TEST(Tunnel, ToAServerThatIsAwayMayBeTriedAgain) {
  for (const Answer& answer :
       {Answer{"HTTP/1.1 502 Bad Gateway\r\n\r\n"}, Answer{"HTTP/1.1 503 Busy\r\n\r\n"},
        Answer{"", true}, Answer{"SSH-2.0-OpenSSH\r\n\r\n"}}) {
    bool lasting = true;
    EXPECT_NE(refusal_of(answer, lasting), "");
    EXPECT_FALSE(lasting) << answer.octets;
  }
}

}  // namespace
}  // namespace sealwright::net
