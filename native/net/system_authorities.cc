#include "net/system_authorities.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <string_view>
#include <system_error>

#include "base/trust.h"
#include "net/stream.h"
#include "net/tls_complaint.h"

namespace sealwright::net {
namespace {

// "3513523f.0", or with an r before the number for a list of revoked ones, which is no authority.
bool is_hash_name(std::string_view name) {
  constexpr std::size_t kDigits = 8;
  constexpr std::string_view kHex = "0123456789abcdef";
  return name.size() > kDigits + 1 && name.find_first_not_of(kHex) == kDigits &&
         name[kDigits] == '.' &&
         name.find_first_not_of("0123456789", kDigits + 1) == std::string_view::npos;
}

// Until `look` has seen enough.
template <typename Look>
void each_authority(const std::string& folder, const Look& look) {
  std::error_code fault;
  using Names = std::filesystem::directory_iterator;
  for (Names name(folder, fault); !fault && name != Names(); name.increment(fault)) {
    if (is_hash_name(name->path().filename().native()) && look(name->path().native())) return;
  }
}

bool holds_authorities(const std::string& folder) {
  bool found = false;
  each_authority(folder, [&](const std::string&) { return found = true; });
  return found;
}

bool is_trusted_file(const std::string& path) {
  struct stat facts {};
  const Way way = way_to(path);
  return way.fault == 0 && !way.by_strangers && ::lstat(way.end.c_str(), &facts) == 0 &&
         S_ISREG(facts.st_mode) && !is_changeable_by_others(facts);
}

// At once, not when they are needed: somebody could put another one there meanwhile.
bool load_trusted_files(SSL_CTX* context, const std::string& folder) {
  bool found = false;
  for (const std::string& file : authorities_in(folder)) {
    if (is_trusted_file(file) && SSL_CTX_load_verify_file(context, file.c_str()) == 1) found = true;
  }
  ERR_clear_error();
  return found;
}

bool is_there(const std::string& file) { return ::access(file.c_str(), R_OK) == 0; }

std::string listed(const std::vector<std::string>& paths) {
  std::string text;
  for (const std::string& path : paths) text += (text.empty() ? "" : ", ") + path;
  return text;
}

Result<void> load_bundle(SSL_CTX* context, const std::string& file, const std::string& named_by) {
  if (SSL_CTX_load_verify_file(context, file.c_str()) == 1) return {};
  // The oldest error is the cause; what follows only says who heard of it.
  const unsigned long code = ERR_get_error();
  ERR_clear_error();
  return lasting_fault(named_by + file + ": " + reason_of(code));
}

}  // namespace

const Places& known_places() {
  // NOLINTNEXTLINE(cert-err58-cpp): no memory at the first connection is the end anyway
  static const Places places{
      {
          "/etc/ssl/certs",                                  // Debian, Arch, SUSE, Alpine
          "/etc/pki/ca-trust/extracted/pem/directory-hash",  // newer Fedora and RHEL
          "/etc/pki/tls/certs",                              // older ones
      },
      {
          "/etc/ssl/certs/ca-certificates.crt",                 // Debian, Arch, Alpine, Gentoo
          "/etc/pki/tls/certs/ca-bundle.crt",                   // Fedora, RHEL
          "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",  // where the former links to
          "/etc/ssl/ca-bundle.pem",                             // SUSE
          "/etc/pki/tls/cacert.pem",
          "/etc/ssl/cert.pem",  // Alpine, and LibreSSL
      },
  };
  return places;
}

std::vector<std::string> authorities_in(const std::string& folder) {
  std::vector<std::string> files;
  each_authority(folder, [&](const std::string& file) {
    files.push_back(file);
    return false;
  });
  return files;
}

bool is_changed_by_its_owner_alone(const std::string& folder) {
  struct stat facts {};
  return ::stat(folder.c_str(), &facts) == 0 && !is_changeable_by_others(facts);
}

Result<void> trust_system(SSL_CTX* context, const NamedAuthorities& named, const Places& places) {
  if (!named.file.empty()) {
    if (auto done = load_bundle(context, named.file, "SSL_CERT_FILE names "); !done) return done;
  }
  bool found = !named.file.empty();
  const auto& folders = named.folders.empty() ? places.folders : named.folders;
  for (const std::string& folder : folders) {
    if (!holds_authorities(folder)) continue;
    if (!named.folders.empty() && !is_changed_by_its_owner_alone(folder)) {
      found = load_trusted_files(context, folder) || found;
      continue;
    }
    if (SSL_CTX_load_verify_dir(context, folder.c_str()) != 1) {
      return fail(CKR_HOST_MEMORY, "no memory for TLS");
    }
    found = true;
  }
  if (found) return {};
  const auto& bundles = places.bundles;
  const auto bundle = std::find_if(bundles.begin(), bundles.end(), is_there);
  if (bundle != bundles.end()) return load_bundle(context, *bundle, "");
  return lasting_fault(
      "this machine has no certificate authorities to check the server by: there are "
      "none in " +
      listed(folders) + "; and no " + listed(bundles) +
      "; install ca-certificates, or name the CA with SEALWRIGHT_CA_FILE or ca_file");
}

}  // namespace sealwright::net
