// TLS 1.2 or newer over a Socket, with the server's certificate and name checked.
#pragma once

#include <openssl/types.h>

#include <memory>
#include <string>

#include "net/socket.h"
#include "net/stream.h"
#include "net/system_authorities.h"

namespace sealwright::net {

struct TlsFiles {
  std::string ca_file;      // PEM; empty: the system's authorities
  std::string client_cert;  // PEM chain; empty: none
  std::string client_key;   // PEM, not encrypted
  NamedAuthorities system = {};
};

// The part that every connection shares. Immutable; any number of threads.
class TlsContext {
 public:
  // Errors: CKR_DEVICE_ERROR naming the file that cannot be used, and why.
  static Result<std::shared_ptr<const TlsContext>> load(const TlsFiles& files);
  ~TlsContext();
  TlsContext(const TlsContext&) = delete;
  TlsContext& operator=(const TlsContext&) = delete;

  // Handshake. `host` is a name or an address, which the certificate must hold.
  // Errors: CKR_DEVICE_ERROR saying what is wrong with the certificate or the protocol.
  Result<std::unique_ptr<Stream>> secure(std::unique_ptr<Socket> socket, const std::string& host,
                                         const Deadline& deadline) const;

 private:
  explicit TlsContext(SSL_CTX* context);
  SSL_CTX* context_;
};

}  // namespace sealwright::net
