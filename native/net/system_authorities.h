// The authorities that this machine trusts, where distributions keep them: no two agree, and an
// OpenSSL that is linked in knows only the place of whoever built it.
#pragma once

#include <openssl/types.h>

#include <string>
#include <vector>

#include "base/result.h"

namespace sealwright::net {

struct Places {
  std::vector<std::string> folders;  // of certificates, each named by a hash of its subject
  std::vector<std::string> bundles;  // files of many certificates
};

// All that are known.
const Places& known_places();

// The files of a folder that OpenSSL would look at.
std::vector<std::string> authorities_in(const std::string& folder);

// Nobody else can put a file into it.
bool is_changed_by_its_owner_alone(const std::string& folder);

// What SSL_CERT_FILE and SSL_CERT_DIR say; empty where they say nothing.
struct NamedAuthorities {
  std::string file;
  std::vector<std::string> folders;
};

// `named` in the place of the known ones of its kind. Of the bundles the first that is there
// counts, and only where no folder holds anything: a certificate is read from a folder when it is
// needed, a bundle whole, which takes as long as all the rest of a first connection. Of a named
// folder that others can write to, such as a volume of Kubernetes (sticky), those files count that
// nobody else can change. Errors
// (lasting): what is named cannot be used; nothing is there, with where was looked.
Result<void> trust_system(SSL_CTX* context, const NamedAuthorities& named,
                          const Places& places = known_places());

}  // namespace sealwright::net
