// Why a TLS connection cannot be had, as words for a person: whose certificate, and what is wrong.
#pragma once

#include <openssl/types.h>

#include <string>

namespace sealwright::net {

// A certificate that was presented here, and the verdict on it (X509_V_ERR_…).
struct RefusedCertificate {
  long verdict = 0;
  const X509* certificate = nullptr;  // null: not noted
  int depth = 0;                      // 0: the server's own; above: of those that issued it
};
std::string complaint_of(const RefusedCertificate& refused, const std::string& host);

// What the other side ended the connection for (SSL_R_…), where that says what to do about it;
// `mine` is the client certificate that was shown, null if none. Empty: no such reason.
std::string complaint_of_alert(int reason, const X509* mine);

// An error of OpenSSL's queue in its words, or in the system's where it came from there.
std::string reason_of(unsigned long code);

}  // namespace sealwright::net
