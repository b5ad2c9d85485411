// HTTP answers of servers that mean no good, or no longer know what they say.
#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "net/http1.h"

namespace sealwright::net {
namespace {

// Answers with whatever `next` gives; an empty text is the end.
class Spoken final : public Stream {
 public:
  explicit Spoken(std::function<std::string()> next) : next_(std::move(next)) {}

  Result<std::size_t> read(std::span<std::uint8_t> into, const Deadline&) override {
    if (left_.empty()) left_ = next_();
    const std::size_t size = std::min(left_.size(), into.size());
    std::copy_n(left_.begin(), size, into.begin());
    left_.erase(0, size);
    return size;
  }
  Result<void> write(ByteView, const Deadline&) override { return {}; }
  bool is_usable() override { return true; }

 private:
  std::function<std::string()> next_;
  std::string left_;
};

Result<Response> ask(const std::function<std::string()>& next) {
  Request request;
  request.method = "GET";
  request.path = "/v1/catalogue";
  Spoken stream(next);
  bool began = false;
  constexpr std::size_t kBodyLimit = 1'000;
  return exchange(stream, Exchange{request, "localhost", "", kBodyLimit},
                  Deadline::after(std::chrono::minutes(1)), began);
}

Result<Response> ask_once(const std::string& answer) {
  bool said = false;
  return ask([&] { return std::exchange(said, true) ? std::string() : answer; });
}

TEST(Http1, AnEntityTagThatCannotBeSentBackIsNone) {
  const auto answer = ask_once("HTTP/1.1 200 OK\r\nETag: \"a\tb\"\r\nContent-Length: 0\r\n\r\n");
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->etag, "");
  EXPECT_EQ(ask_once("HTTP/1.1 200 OK\r\nETag: \"ab\"\r\nContent-Length: 0\r\n\r\n")->etag,
            "\"ab\"");
}

class EndlessLine : public ::testing::TestWithParam<std::string> {};

// What is read is given up long before it fills the memory of the host.
TEST_P(EndlessLine, IsGivenUp) {
  std::size_t read = 0;
  const auto answer = ask([&] {
    const std::string piece = read == 0 ? GetParam() : std::string(1'000, 'x');
    read += piece.size();
    return read < 10'000'000 ? piece : std::string();
  });
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().rv, CKR_DEVICE_ERROR);
  EXPECT_LT(read, 200'000U);
}

INSTANTIATE_TEST_SUITE_P(
    All, EndlessLine,
    ::testing::Values("HTTP/1.1 200 ", "HTTP/1.1 200 OK\r\nA: ",
                      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;",
                      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nA: "));

}  // namespace
}  // namespace sealwright::net
