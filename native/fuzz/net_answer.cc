// An HTTP answer, in pieces as a network cuts it.
#include "fuzz/input.h"
#include "net/http1.h"

namespace {

using sealwright::ByteView;
using sealwright::Deadline;
using sealwright::Result;
using sealwright::fuzz::Input;
using sealwright::fuzz::require;
using sealwright::net::Exchange;
using sealwright::net::Request;
using sealwright::net::Response;

constexpr std::size_t kBodyLimit = 4096;

// Gives the octets in pieces of one size, then ends.
class Pieces final : public sealwright::net::Stream {
 public:
  Pieces(ByteView octets, std::size_t piece) : left_(octets), piece_(piece) {}

  Result<std::size_t> read(std::span<std::uint8_t> into, const Deadline&) override {
    const std::size_t size = std::min({piece_, into.size(), left_.size()});
    std::copy_n(left_.begin(), size, into.begin());
    left_ = left_.subspan(size);
    return size;
  }
  Result<void> write(ByteView, const Deadline&) override { return {}; }
  bool is_usable() override { return true; }

 private:
  ByteView left_;
  std::size_t piece_;
};

Result<Response> read_answer(ByteView octets, std::size_t piece, const std::string& etag) {
  Request request;
  request.method = "GET";
  request.path = "/v1/catalogue";
  request.if_none_match = etag;
  Pieces stream(octets, piece);
  bool began = false;
  auto response = sealwright::net::exchange(stream, Exchange{request, "localhost", "", kBodyLimit},
                                            Deadline::after(std::chrono::minutes(1)), began);
  require(began || octets.empty(), "an answer that came is known to have come");
  return response;
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input(data, size);
  const std::size_t piece = 1 + input.below(64);
  const ByteView octets = input.rest();
  const auto whole = read_answer(octets, octets.size() + 1, "");
  const auto pieces = read_answer(octets, piece, "");

  require(whole.has_value() == pieces.has_value(), "how an answer is cut changes nothing");
  if (!whole) return 0;
  require(whole->status == pieces->status && whole->body == pieces->body &&
              whole->etag == pieces->etag && whole->retry_after == pieces->retry_after,
          "how an answer is cut changes nothing in it");
  require(whole->status >= 200, "an interim answer is not the answer");
  require(whole->body.size() <= kBodyLimit, "a body has its limit");
  const auto next = read_answer(octets, piece, whole->etag);
  require(next.has_value(), "an entity tag can be sent back");
  return 0;
}
