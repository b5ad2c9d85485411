#include <gtest/gtest.h>

#include "net/url.h"

namespace sealwright::net {
namespace {

TEST(Url, IsTakenApart) {
  const auto url = parse_url("https://sign.example:8443/codesign/");
  ASSERT_TRUE(url);
  EXPECT_EQ(url->transport, Transport::kTls);
  EXPECT_EQ(url->host, "sign.example");
  EXPECT_EQ(url->port, 8443);
  EXPECT_EQ(url->base_path, "/codesign");
  EXPECT_EQ(url->origin(), "https://sign.example:8443");
}

TEST(Url, HasDefaultPorts) {
  EXPECT_EQ(parse_url("http://a")->port, 80);
  EXPECT_EQ(parse_url("https://a/")->port, 443);
  EXPECT_EQ(parse_url("https://a:443")->authority(), "a");
}

TEST(Url, MayHoldAnIpv6Address) {
  const auto url = parse_url("http://[::1]:8080");
  ASSERT_TRUE(url);
  EXPECT_EQ(url->host, "::1");
  EXPECT_EQ(url->authority(), "[::1]:8080");
}

TEST(Url, MayNameTheInterfaceOfAnIpv6Address) {
  for (const char* text : {"http://[fe80::1%25eth0]:8080", "http://[fe80::1%eth0]:8080"}) {
    const auto url = parse_url(text);
    ASSERT_TRUE(url) << text;
    EXPECT_EQ(url->host, "fe80::1");
    EXPECT_EQ(url->node(), "fe80::1%eth0");
    EXPECT_EQ(url->authority(), "[fe80::1]:8080");
    EXPECT_EQ(url->origin(), "http://[fe80::1%25eth0]:8080");
  }
  EXPECT_TRUE(parse_url("http://[::1%lo]")->is_local());
}

TEST(Url, MayHaveItsSchemeInCapitals) {
  EXPECT_EQ(parse_url("HTTPS://sign.example")->origin(), "https://sign.example");
  EXPECT_EQ(parse_url("Http://sign.example")->origin(), "http://sign.example");
  EXPECT_EQ(parse_url("UNIX:/run/S.sock")->socket_path, "/run/S.sock");
}

TEST(Url, MayBeAUnixSocket) {
  for (const char* text : {"unix:/run/sealwright.sock", "unix:///run/sealwright.sock",
                           "unix://////run/sealwright.sock"}) {
    const auto url = parse_url(text);
    ASSERT_TRUE(url) << text;
    EXPECT_EQ(url->socket_path, "/run/sealwright.sock");
    EXPECT_EQ(url->origin(), "unix:/run/sealwright.sock");
  }
}

TEST(Url, KnowsWhatStaysOnThisMachine) {
  for (const char* text :
       {"unix:/s", "http://localhost", "http://127.0.0.1", "http://127.9.9.9:1", "http://[::1]"}) {
    EXPECT_TRUE(parse_url(text)->is_local()) << text;
  }
  for (const char* text : {"http://localhost.example", "http://10.0.0.1", "http://127.0.0.1.nip.io",
                           "http://[::2]", "http://0.0.0.0"}) {
    EXPECT_FALSE(parse_url(text)->is_local()) << text;
  }
}

class BadUrl : public ::testing::TestWithParam<std::string> {};

TEST_P(BadUrl, IsRefusedWithASentence) {
  const auto url = parse_url(GetParam());
  ASSERT_FALSE(url);
  EXPECT_EQ(url.error().rv, CKR_ARGUMENTS_BAD);
  EXPECT_FALSE(url.error().message.empty());
}

INSTANTIATE_TEST_SUITE_P(All, BadUrl,
                         ::testing::Values("", "sign.example", "ftp://a", "http://", "http://:80",
                                           "http://a:", "http://a:0", "http://a:65536",
                                           "http://a:8x", "http://[::1", "http://[zz]",
                                           "http://[::1]x", "http://[fe80::1%]", "http://[%eth0]",
                                           "http://[fe80::1%a/b]", "http://a%25eth0", "http://a?b",
                                           "http://a/#b", "http://a b", "http://a\r\nX: y",
                                           "unix:relative", "unix:/" + std::string(200, 'x'),
                                           "http://exa%6d"));

TEST(Url, APasswordInItIsNotRepeated) {
  for (const char* text :
       {"http://user:hunter2@sign.example", "https://user:hunter2@sign.example/?query",
        "HTTP://user:hunter2 @sign.example", "ftp://user:hunter2@sign.example",
        "user:hunter2@sign.example"}) {
    const auto url = parse_url(text);
    ASSERT_FALSE(url) << text;
    EXPECT_EQ(url.error().message.find("hunter2"), std::string::npos) << url.error().message;
    EXPECT_NE(url.error().message.find("***@sign.example"), std::string::npos);
  }
}

}  // namespace
}  // namespace sealwright::net
