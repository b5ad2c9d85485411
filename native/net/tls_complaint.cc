#include "net/tls_complaint.h"

#include <arpa/inet.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <array>
#include <ctime>
#include <memory>
#include <string_view>
#include <system_error>

namespace sealwright::net {
namespace {

constexpr int kNamesShown = 4;
constexpr std::size_t kLongestName = 200;

template <auto free_it>
struct Free {
  template <typename T>
  void operator()(T* object) const {
    free_it(object);
  }
};

// "CN=Example CA,O=Example", with control characters escaped.
std::string text_of(const X509_NAME* name) {
  const std::unique_ptr<BIO, Free<BIO_free>> out(BIO_new(BIO_s_mem()));
  constexpr unsigned long kStyle =
      XN_FLAG_RFC2253 & ~static_cast<unsigned long>(ASN1_STRFLGS_ESC_MSB);
  if (out == nullptr || X509_NAME_print_ex(out.get(), name, 0, kStyle) < 0) return "";
  char* text = nullptr;
  const long size = BIO_get_mem_data(out.get(), &text);
  return {text, std::min(static_cast<std::size_t>(size), kLongestName)};
}

std::string text_of(const ASN1_TIME* time) {
  std::tm parts{};
  std::array<char, 32> text{};
  if (ASN1_TIME_to_tm(time, &parts) != 1) return "an unreadable time";
  return {text.data(), std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &parts)};
}

std::string text_of(const GENERAL_NAME* name) {
  int kind = 0;
  const auto* value = static_cast<const ASN1_STRING*>(GENERAL_NAME_get0_value(name, &kind));
  const unsigned char* octets = ASN1_STRING_get0_data(value);
  const int size = ASN1_STRING_length(value);
  if (kind == GEN_DNS)
    return {reinterpret_cast<const char*>(octets), static_cast<std::size_t>(size)};
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (size == 4) ::inet_ntop(AF_INET, octets, text.data(), text.size());
  if (size == 16) ::inet_ntop(AF_INET6, octets, text.data(), text.size());
  return text.data();
}

// The hosts that a certificate is for; empty: none.
std::string hosts_of(const X509* certificate) {
  const std::unique_ptr<GENERAL_NAMES, Free<GENERAL_NAMES_free>> names(static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  std::string hosts;
  int shown = 0;
  for (int i = 0; names != nullptr && i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names.get(), i);
    if (name->type != GEN_DNS && name->type != GEN_IPADD) continue;
    if (!hosts.empty()) hosts += ", ";
    if (shown++ == kNamesShown) return hosts + "…";
    hosts += text_of(name).substr(0, kLongestName);
  }
  return hosts;
}

std::string whose(const RefusedCertificate& refused) {
  const std::string subject =
      refused.certificate == nullptr
          ? ""
          : " (" + text_of(X509_get_subject_name(refused.certificate)) + ")";
  return refused.depth == 0
             ? "the server's certificate" + subject
             : "the certificate of an authority" + subject + " above the server's certificate";
}

std::string unknown_authority(const RefusedCertificate& refused) {
  constexpr std::string_view kNext = "; name its CA with SEALWRIGHT_CA_FILE or ca_file";
  if (refused.certificate == nullptr) {
    return "the server's certificate comes from no authority that is trusted here" +
           std::string(kNext);
  }
  const std::string issuer = text_of(X509_get_issuer_name(refused.certificate));
  if (refused.verdict == X509_V_ERR_CERT_SIGNATURE_FAILURE) {
    return "the server's certificate comes from another " + issuer +
           " than the one that is trusted here" + std::string(kNext);
  }
  return "the server's certificate comes from " + issuer + ", which is not trusted here" +
         std::string(kNext);
}

std::string wrong_host(const RefusedCertificate& refused, const std::string& host) {
  const std::string hosts = refused.certificate == nullptr ? "" : hosts_of(refused.certificate);
  return "the server's certificate is " + (hosts.empty() ? "" : "for " + hosts + ", ") +
         "not for \"" + host + "\"";
}

// What the server holds against the client's certificate; empty: nothing.
std::string_view objection(int reason) {
  switch (reason) {
    case SSL_R_TLSV1_ALERT_UNKNOWN_CA:
      return "comes from no authority that the server trusts";
    case SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED:
      return "has expired";
    case SSL_R_SSLV3_ALERT_CERTIFICATE_REVOKED:
      return "is revoked";
    case SSL_R_SSLV3_ALERT_BAD_CERTIFICATE:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN:
    case SSL_R_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE:
      return "is not accepted";
    default:
      return "";
  }
}

}  // namespace

std::string complaint_of(const RefusedCertificate& refused, const std::string& host) {
  switch (refused.verdict) {
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
      return wrong_host(refused, host);
    case X509_V_ERR_CERT_HAS_EXPIRED:
      if (refused.certificate == nullptr) return whose(refused) + " has expired";
      return whose(refused) + " expired on " + text_of(X509_get0_notAfter(refused.certificate));
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return whose(refused) + " is not valid before " +
             (refused.certificate == nullptr ? "later"
                                             : text_of(X509_get0_notBefore(refused.certificate))) +
             "; is this machine's clock right?";
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_CERT_SIGNATURE_FAILURE:
      return unknown_authority(refused);
    default:
      return whose(refused) + " is refused: " + X509_verify_cert_error_string(refused.verdict);
  }
}

std::string complaint_of_alert(int reason, const X509* mine) {
  constexpr std::string_view kNext =
      "set SEALWRIGHT_CLIENT_CERT and SEALWRIGHT_CLIENT_KEY, or client_cert and client_key";
  const std::string_view held_against = objection(reason);
  if (mine != nullptr && !held_against.empty()) {
    return "the server refuses this machine's client certificate (" +
           text_of(X509_get_subject_name(mine)) + "): it " + std::string(held_against);
  }
  if (reason == SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED) {
    return "the server asks for a client certificate; " + std::string(kNext);
  }
  if (mine == nullptr && (!held_against.empty() || reason == SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE)) {
    return "the server ends the TLS handshake; if it asks for a client certificate, " +
           std::string(kNext);
  }
  if (reason == SSL_R_TLSV1_ALERT_PROTOCOL_VERSION || reason == SSL_R_UNSUPPORTED_PROTOCOL) {
    return "the server speaks no TLS of version 1.2 or newer";
  }
  return "";
}

std::string reason_of(unsigned long code) {
  if (ERR_SYSTEM_ERROR(code)) return std::generic_category().message(ERR_GET_REASON(code));
  const char* reason = code == 0 ? nullptr : ERR_reason_error_string(code);
  return reason == nullptr ? "no reason given" : reason;
}

}  // namespace sealwright::net
