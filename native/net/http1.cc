#include "net/http1.h"

#include <algorithm>
#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <charconv>
#include <span>
#include <vector>

namespace sealwright::net {
namespace {

namespace http = boost::beast::http;
using Parser = http::response_parser<http::string_body>;

constexpr std::uint32_t kHeaderLimit = 64 * 1024;
constexpr std::size_t kChunk = 65'536;

bool breaks_a_field(std::string_view value) {
  return std::any_of(value.begin(), value.end(), [](char c) {
    const auto octet = static_cast<unsigned char>(c);
    return octet < 0x20 || octet == 0x7f;
  });
}

// Written here rather than by a serializer: one buffer that is wiped, since it holds the key.
Result<Secret> head_and_body(const Exchange& what) {
  const Request& request = what.request;
  const std::array<std::string_view, 5> values{what.host, what.base_path, request.path,
                                               request.bearer.reveal(), request.if_none_match};
  if (std::any_of(values.begin(), values.end(), breaks_a_field)) {
    return fail(CKR_ARGUMENTS_BAD, "a control character in a request field");
  }
  std::string text;
  text.reserve(1024 + request.body.size());  // no reallocation that leaves a copy of the key
  text.append(request.method).append(" ").append(what.base_path).append(request.path);
  text.append(" HTTP/1.1\r\nHost: ").append(what.host);
  text.append("\r\nUser-Agent: sealwright-pkcs11/" SEALWRIGHT_VERSION);
  text.append("\r\nAccept: application/json, application/problem+json");
  if (!request.if_none_match.empty()) {
    text.append("\r\nIf-None-Match: ").append(request.if_none_match);
  }
  if (!request.idempotency_key.empty()) {
    text.append("\r\nIdempotency-Key: ").append(request.idempotency_key);
  }
  if (request.method != "GET") {
    text.append("\r\nContent-Type: application/json\r\nContent-Length: ");
    text.append(std::to_string(request.body.size()));
  }
  text.append("\r\nAuthorization: Bearer ").append(request.bearer.reveal());
  text.append("\r\n\r\n").append(request.body);
  return Secret::adopt(text);
}

std::optional<std::chrono::seconds> seconds_of(std::string_view text) {
  std::uint32_t seconds = 0;
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (fault != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return std::chrono::seconds(seconds);
}

std::string_view field(const Parser& parser, http::field name) {
  const auto value = parser.get()[name];
  return {value.data(), value.size()};
}

std::string parse_fault(const boost::system::error_code& fault) {
  if (fault == http::error::body_limit) return "the answer is too large";
  if (fault == http::error::header_limit) return "the answer's header is too large";
  if (fault == http::error::end_of_stream || fault == http::error::partial_message) {
    return "the server ended the connection before its answer was complete";
  }
  return "the answer is no HTTP: " + fault.message();
}

// What has been received and not parsed yet.
class Input {
 public:
  Input(Stream& stream, const Deadline& first_octet) : stream_(stream), first_octet_(first_octet) {}

  [[nodiscard]] bool empty() const { return pending_.empty(); }

  // One whole message.
  Result<void> parse(Parser& parser, const Deadline& deadline, bool& began) {
    boost::system::error_code fault;
    while (!parser.is_done()) {
      const std::size_t used =
          pending_.empty() ? 0 : parser.put(boost::asio::buffer(pending_), fault);
      pending_.erase(pending_.begin(), pending_.begin() + static_cast<std::ptrdiff_t>(used));
      if (fault && fault != http::error::need_more) {
        return fail(CKR_DEVICE_ERROR, parse_fault(fault));
      }
      if (parser.is_done()) break;
      // Octets are left only where they make no sense without more of them.
      if (used > 0 && !fault && !pending_.empty()) continue;
      if (pending_.size() > kHeaderLimit) {
        return fail(CKR_DEVICE_ERROR, "the answer is no HTTP: a line without an end");
      }
      fault = {};
      const Result<std::size_t> size = read_more(began ? deadline : first_octet_);
      if (!size) return fail(size.error());
      if (*size > 0) {
        if (!began && is_tls_alert()) {
          return lasting_fault("this port speaks TLS: write https:// in the url");
        }
        began = true;
        continue;
      }
      if (parser.got_some()) parser.put_eof(fault);
      if (fault) return fail(CKR_DEVICE_ERROR, parse_fault(fault));
      if (!parser.is_done()) {
        return fail(CKR_DEVICE_ERROR, parse_fault(http::error::partial_message));
      }
    }
    return {};
  }

 private:
  Result<std::size_t> read_more(const Deadline& deadline) {
    const std::size_t held = pending_.size();
    pending_.resize(held + kChunk);
    Result<std::size_t> size = stream_.read(std::span(pending_).subspan(held), deadline);
    pending_.resize(held + size.value_or(0));
    return size;
  }

  // What a server of TLS says to plain HTTP (RFC 8446 §6).
  [[nodiscard]] bool is_tls_alert() const {
    return pending_.size() >= 2 && pending_[0] == 0x15 && pending_[1] == 0x03;
  }

  Stream& stream_;
  const Deadline first_octet_;
  std::vector<std::uint8_t> pending_;
};

}  // namespace

Result<Response> exchange(Stream& stream, const Exchange& what, const Deadline& deadline,
                          bool& answer_began) {
  answer_began = false;
  const Result<Secret> text = head_and_body(what);
  if (!text) return fail(text.error());
  // Who hangs up on a request may have said why before.
  const Result<void> sent = stream.write(as_bytes(text->reveal()), deadline);

  Input input(stream, what.first_octet.value_or(deadline));
  while (true) {
    Parser parser;
    parser.eager(true);
    parser.header_limit(kHeaderLimit);
    parser.body_limit(what.body_limit);
    if (auto done = input.parse(parser, deadline, answer_began); !done) {
      return fail(sent || is_lasting(done.error()) ? done.error() : sent.error());
    }
    if (parser.get().result_int() < 200) continue;  // an interim answer

    Response response;
    response.status = parser.get().result_int();
    response.etag = field(parser, http::field::etag);
    if (breaks_a_field(response.etag)) response.etag.clear();  // a tab: it could not be sent back
    response.retry_after = seconds_of(field(parser, http::field::retry_after));
    // Octets that belong to no answer: nothing on this connection can be trusted any more.
    response.keep_alive = sent && parser.get().keep_alive() && input.empty();
    response.body = std::move(parser.get().body());
    return response;
  }
}

}  // namespace sealwright::net
