#include "net/tls.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <array>
#include <climits>
#include <string_view>
#include <utility>

#include "base/openssl.h"
#include "net/tls_complaint.h"

namespace sealwright::net {
namespace {

constexpr std::size_t kChunk = 16'384;  // the largest TLS record

tl::unexpected<Error> tls_failure(const std::string& what) { return fail(CKR_DEVICE_ERROR, what); }

// The oldest error of this thread, in OpenSSL's words; clears the queue.
std::string openssl_reason() {
  const unsigned long code = ERR_get_error();
  ERR_clear_error();
  return reason_of(code);
}

bool is_address(const std::string& host) {
  std::array<unsigned char, sizeof(in6_addr)> address{};
  return ::inet_pton(AF_INET, host.c_str(), address.data()) == 1 ||
         ::inet_pton(AF_INET6, host.c_str(), address.data()) == 1;
}

// A key with a passphrase must fail instead of asking on the host's terminal.
int no_passphrase(char*, int, int, void*) { return 0; }

struct FreeCertificate {
  void operator()(X509* certificate) const { X509_free(certificate); }
};

// The certificate that OpenSSL finds fault with, kept while it is at hand.
struct Refused {
  std::unique_ptr<X509, FreeCertificate> certificate;
  int depth = 0;
};

int keep_refused(int is_good, X509_STORE_CTX* context) {
  if (is_good == 1) return 1;
  const int index = SSL_get_ex_data_X509_STORE_CTX_idx();
  const auto* ssl = static_cast<SSL*>(X509_STORE_CTX_get_ex_data(context, index));
  auto* const kept = ssl == nullptr ? nullptr : static_cast<Refused*>(SSL_get_app_data(ssl));
  X509* const certificate = X509_STORE_CTX_get_current_cert(context);
  if (kept == nullptr || certificate == nullptr || X509_up_ref(certificate) != 1) return 0;
  kept->certificate.reset(certificate);
  kept->depth = X509_STORE_CTX_get_error_depth(context);
  return 0;
}

struct FreeSsl {
  void operator()(SSL* ssl) const {
    const OpensslSection section;
    SSL_free(ssl);
  }
};

// OpenSSL computes on memory only; this class moves the octets, so that no poll and no signal
// happens inside OpenSSL.
class TlsStream final : public Stream {
 public:
  TlsStream(std::unique_ptr<Socket> socket, SSL* ssl, std::string host)
      : socket_(std::move(socket)), ssl_(ssl), host_(std::move(host)) {
    SSL_set_app_data(ssl_.get(), &refused_);
  }

  Result<void> handshake(const Deadline& deadline) {
    while (true) {
      const Step step = run([this] { return SSL_do_handshake(ssl_.get()); });
      if (auto sent = flush(deadline); !sent) {
        return step.kind == Kind::kFailed ? failure(step) : sent;
      }
      if (step.kind == Kind::kDone) return {};
      if (step.kind != Kind::kWantsInput) return failure(step);
      if (auto fed = feed(deadline); !fed) return fail(fed.error());
      if (speaks_http_) {
        return lasting_fault(
            "this port speaks plain HTTP, not TLS: name the port that speaks TLS, or write http:// "
            "in the url");
      }
      if (at_end_) return tls_failure("the server ended the connection during the TLS handshake");
    }
  }

  Result<std::size_t> read(std::span<std::uint8_t> into, const Deadline& deadline) override {
    while (true) {
      std::size_t size = 0;
      const Step step =
          run([&] { return SSL_read_ex(ssl_.get(), into.data(), into.size(), &size); });
      if (step.kind == Kind::kDone) return size;
      if (step.kind == Kind::kEnded) return 0U;
      if (step.kind == Kind::kFailed) return failure(step);
      if (auto sent = flush(deadline); !sent) return fail(sent.error());
      if (auto fed = feed(deadline); !fed) return fail(fed.error());
      // An end without close_notify may be an attacker's: never taken for the end of an answer.
      if (at_end_) return tls_failure("the server ended the connection without saying so");
    }
  }

  Result<void> write(ByteView data, const Deadline& deadline) override {
    while (!data.empty()) {
      std::size_t size = 0;
      const Step step =
          run([&] { return SSL_write_ex(ssl_.get(), data.data(), data.size(), &size); });
      if (auto sent = flush(deadline); !sent) return sent;
      if (step.kind == Kind::kDone) {
        data = data.subspan(size);
      } else if (step.kind == Kind::kWantsInput) {
        if (auto fed = feed(deadline); !fed) return fed;
        if (at_end_) return tls_failure("the server ended the connection");
      } else {
        return failure(step);
      }
    }
    return {};
  }

  // Session tickets may wait unread on a connection in perfect health.
  bool is_usable() override {
    std::array<std::uint8_t, kChunk> chunk{};
    while (true) {
      std::size_t size = 0;
      switch (socket_->read_pending(chunk, size)) {
        case Socket::Pending::kNothing:
          return true;
        case Socket::Pending::kEnd:
          return false;
        case Socket::Pending::kOctets:
          break;
      }
      put_input({chunk.data(), size});
      std::uint8_t unasked = 0;
      const Step step = run([&] { return SSL_read_ex(ssl_.get(), &unasked, 1, &size); });
      if (step.kind != Kind::kWantsInput) return false;
    }
  }

 private:
  enum class Kind { kDone, kWantsInput, kEnded, kFailed };
  struct Step {
    Kind kind;
    std::string reason = {};
    bool lasting = false;
  };

  static tl::unexpected<Error> failure(const Step& step) {
    return step.lasting ? lasting_fault(step.reason) : tls_failure(step.reason);
  }

  template <typename Operation>
  Step run(Operation operation) {
    const OpensslSection section;
    ERR_clear_error();
    const int result = operation();
    if (result == 1) return {Kind::kDone};
    switch (SSL_get_error(ssl_.get(), result)) {
      case SSL_ERROR_WANT_READ:
        return {Kind::kWantsInput};
      case SSL_ERROR_ZERO_RETURN:
        return {Kind::kEnded, "the server ended the connection"};
      default:
        break;
    }
    return failed();
  }

  // What OpenSSL's last call ended with.
  Step failed() {
    if (const long verdict = SSL_get_verify_result(ssl_.get()); verdict != X509_V_OK) {
      ERR_clear_error();
      return {Kind::kFailed,
              complaint_of({verdict, refused_.certificate.get(), refused_.depth}, host_), true};
    }
    const unsigned long code = ERR_peek_error();
    std::string complaint;
    if (ERR_GET_LIB(code) == ERR_LIB_SSL) {
      complaint = complaint_of_alert(ERR_GET_REASON(code), SSL_get_certificate(ssl_.get()));
    }
    if (complaint.empty()) return {Kind::kFailed, "TLS: " + openssl_reason()};
    ERR_clear_error();
    return {Kind::kFailed, std::move(complaint), true};
  }

  Result<void> flush(const Deadline& deadline) {
    std::array<std::uint8_t, kChunk> chunk{};
    while (true) {
      int size = 0;
      {
        const OpensslSection section;
        size = BIO_read(SSL_get_wbio(ssl_.get()), chunk.data(), static_cast<int>(chunk.size()));
      }
      if (size <= 0) return {};
      auto sent = socket_->write({chunk.data(), static_cast<std::size_t>(size)}, deadline);
      if (!sent) return sent;
    }
  }

  Result<void> feed(const Deadline& deadline) {
    std::array<std::uint8_t, kChunk> chunk{};
    const Result<std::size_t> size = socket_->read(chunk, deadline);
    if (!size) return fail(size.error());
    at_end_ = *size == 0;
    const std::string_view octets(reinterpret_cast<const char*>(chunk.data()), *size);
    speaks_http_ = !has_heard_ && octets.starts_with("HTTP/");
    has_heard_ = true;
    put_input({chunk.data(), *size});
    return {};
  }

  void put_input(ByteView octets) {
    if (octets.empty()) return;
    const OpensslSection section;
    BIO_write(SSL_get_rbio(ssl_.get()), octets.data(), static_cast<int>(octets.size()));
  }

  std::unique_ptr<Socket> socket_;
  Refused refused_;  // outlives the next
  std::unique_ptr<SSL, FreeSsl> ssl_;
  std::string host_;
  bool has_heard_ = false;    // anything at all
  bool speaks_http_ = false;  // the last that came was the first, and no TLS
  bool at_end_ = false;
};

Result<void> load_files(SSL_CTX* context, const TlsFiles& files) {
  if (files.ca_file.empty()) {
    if (auto trusted = trust_system(context, files.system); !trusted) return trusted;
  } else if (SSL_CTX_load_verify_file(context, files.ca_file.c_str()) != 1) {
    return lasting_fault("CA file " + files.ca_file + ": " + openssl_reason());
  }
  if (files.client_cert.empty()) return {};
  if (SSL_CTX_use_certificate_chain_file(context, files.client_cert.c_str()) != 1) {
    return lasting_fault("client certificate " + files.client_cert + ": " + openssl_reason());
  }
  if (SSL_CTX_use_PrivateKey_file(context, files.client_key.c_str(), SSL_FILETYPE_PEM) != 1) {
    return lasting_fault("client key " + files.client_key + ": " + openssl_reason());
  }
  return {};
}

bool expect_name(SSL* ssl, const std::string& host) {
  if (is_address(host)) {
    return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host.c_str()) == 1;
  }
  SSL_set_hostflags(ssl,
                    X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
  return SSL_set1_host(ssl, host.c_str()) == 1 && SSL_set_tlsext_host_name(ssl, host.c_str()) == 1;
}

// A connection's state with memory on both sides; null when memory is out.
SSL* make_ssl(SSL_CTX* context, const std::string& host) {
  SSL* ssl = SSL_new(context);
  BIO* in = BIO_new(BIO_s_mem());
  BIO* out = BIO_new(BIO_s_mem());
  if (ssl == nullptr || in == nullptr || out == nullptr || !expect_name(ssl, host)) {
    SSL_free(ssl);
    BIO_free(in);
    BIO_free(out);
    return nullptr;
  }
  BIO_set_mem_eof_return(in, -1);
  BIO_set_mem_eof_return(out, -1);
  SSL_set_bio(ssl, in, out);
  SSL_set_connect_state(ssl);
  return ssl;
}

}  // namespace

TlsContext::TlsContext(SSL_CTX* context) : context_(context) {}

TlsContext::~TlsContext() {
  const OpensslSection section;
  SSL_CTX_free(context_);
}

Result<std::shared_ptr<const TlsContext>> TlsContext::load(const TlsFiles& files) {
  OSSL_LIB_CTX* library = openssl_context();
  if (library == nullptr) return fail(CKR_HOST_MEMORY, "OpenSSL does not start");
  const OpensslSection section;
  ERR_clear_error();
  SSL_CTX* context = SSL_CTX_new_ex(library, nullptr, TLS_client_method());
  if (context == nullptr) return fail(CKR_HOST_MEMORY, "TLS does not start");
  // NOLINTNEXTLINE(cppcoreguidelines-owning-memory): the constructor is private
  std::shared_ptr<const TlsContext> owner(new TlsContext(context));
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, keep_refused);
  SSL_CTX_set_default_passwd_cb(context, no_passphrase);
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE);
  if (auto loaded = load_files(context, files); !loaded) return fail(loaded.error());
  return owner;
}

Result<std::unique_ptr<Stream>> TlsContext::secure(std::unique_ptr<Socket> socket,
                                                   const std::string& host,
                                                   const Deadline& deadline) const {
  SSL* ssl = nullptr;
  {
    const OpensslSection section;
    ssl = make_ssl(context_, host);
  }
  if (ssl == nullptr) return fail(CKR_HOST_MEMORY, "no memory for a TLS connection");
  auto stream = std::make_unique<TlsStream>(std::move(socket), ssl, host);
  if (auto done = stream->handshake(deadline); !done) return fail(done.error());
  return stream;
}

}  // namespace sealwright::net
