// An HTTP proxy through which https leaves this machine: a tunnel by CONNECT (RFC 9110 §9.3.6).
#pragma once

#include <cstdint>
#include <string>

#include "base/secret.h"
#include "base/settings.h"
#include "net/stream.h"
#include "net/url.h"

namespace sealwright::net {

struct Proxy {
  std::string host;  // empty: there is no proxy
  std::uint16_t port = 0;
  Secret credentials;  // of the scheme Basic, as it is sent; empty: none
  std::string except;  // hosts that are reached straight, as NO_PROXY names them

  // https to another machine that is not excepted.
  [[nodiscard]] bool serves(const Url& url) const;
  // http://host:port, without credentials.
  [[nodiscard]] Url url() const;
};

// Errors: CKR_ARGUMENTS_BAD with a sentence that shows neither name nor password.
Result<Proxy> parse_proxy(const Settings::Proxy& settings);

// After it the stream leads to the host and port of `target`.
// Errors: CKR_DEVICE_ERROR with the cause, in which "it" is the proxy.
Result<void> open_tunnel(Stream& stream, const Proxy& proxy, const Url& target,
                         const Deadline& deadline);

}  // namespace sealwright::net
