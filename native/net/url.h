// Where a control plane listens: http://host[:port][/base], https://…, or unix:/path/to/socket.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace sealwright::net {

enum class Transport { kPlain, kTls, kUnix };

struct Url {
  Transport transport = Transport::kPlain;
  std::string host;  // name or address, an IPv6 literal without its brackets; empty for a socket
  std::string zone;  // of such a literal: the interface behind its %, or empty
  std::uint16_t port = 0;
  std::string socket_path;  // kUnix only
  std::string base_path;    // "" or "/prefix", without a slash at the end

  // As a person would write it, without the base path; connections are kept by it.
  [[nodiscard]] std::string origin() const;
  // What the system finds an address by: the host, and its zone if there is one.
  [[nodiscard]] std::string node() const;
  // The value of the Host field, in which a zone has no place: it means something on this machine.
  [[nodiscard]] std::string authority() const;
  // What is sent there stays on this machine: a unix socket, localhost, 127.0.0.0/8 or ::1.
  [[nodiscard]] bool is_local() const;
};

// Errors: CKR_ARGUMENTS_BAD with a sentence that quotes the text and names the fault.
Result<Url> parse_url(std::string_view text);

}  // namespace sealwright::net
