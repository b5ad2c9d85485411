// One HTTP/1.1 exchange over a stream (RFC 9112). Redirects are answers like any other.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>

#include "base/secret.h"
#include "net/stream.h"

namespace sealwright::net {

struct Request {
  std::string method;           // GET, POST
  std::string path;             // after the url's base path; starts with a slash
  Secret bearer;                // Authorization: Bearer …
  std::string idempotency_key;  // empty: not sent
  std::string if_none_match;    // empty: not sent
  std::string body;             // JSON; empty: none
};

struct Response {
  unsigned status = 0;
  std::string body;
  std::string etag;
  std::optional<std::chrono::seconds> retry_after;  // from a number of seconds; dates are ignored
  bool keep_alive = false;
};

struct Exchange {
  const Request& request;
  std::string host;       // the Host field
  std::string base_path;  // before request.path
  std::size_t body_limit = 0;
  std::optional<Deadline> first_octet = {};  // of the answer; none: as for the whole
};

// Reads one whole answer: at most 64 KiB of header and `body_limit` octets of body.
// Errors: CKR_DEVICE_ERROR with the cause. `answer_began` says whether any octet had come by then.
Result<Response> exchange(Stream& stream, const Exchange& what, const Deadline& deadline,
                          bool& answer_began);

}  // namespace sealwright::net
