#include "settings/load.h"

#include <fcntl.h>
#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>
#include <string_view>
#include <utility>

#include "base/redact.h"
#include "base/trust.h"
#include "net/proxy.h"
#include "net/reentry.h"
#include "net/system_authorities.h"
#include "remote/endpoints.h"
#include "settings/file.h"
#include "settings/text.h"
#include "settings/trusted_file.h"
#include "settings/variables.h"

namespace sealwright::settings {
namespace {

constexpr std::size_t kKeyFileLimit = 4096;

tl::unexpected<Error> complaint(std::string what) {
  return fail(Error::tell(CKR_GENERAL_ERROR, std::move(what)));
}

std::string home_folder() {
  if (auto home = variable("HOME")) return *home;
  passwd entry{};
  passwd* found = nullptr;
  std::array<char, 16'384> room{};
  const net::NetworkCall call;
  if (::getpwuid_r(::getuid(), &entry, room.data(), room.size(), &found) != 0 || found == nullptr) {
    return "";
  }
  return found->pw_dir;
}

std::string machine_file() { return std::string(kMachineFolder) + "/pkcs11.toml"; }

// The caller of a privileged process has no say: neither variables nor a home count then.
std::string config_path() {
  std::vector<std::string> candidates{machine_file()};
  if (!is_privileged()) {
    if (auto named = variable("SEALWRIGHT_CONFIG")) return *named;
    candidates.insert(candidates.begin(), home_folder() + "/.config/sealwright/pkcs11.toml");
  }
  for (const std::string& path : candidates) {
    // As whom the process acts; where it may not even look, the machine's settings may well be.
    if (::faccessat(AT_FDCWD, path.c_str(), F_OK, AT_EACCESS) == 0) return path;
    if (errno == EACCES && path == machine_file()) return path;
  }
  return "";
}

bool is_withheld(const std::string& path) {
  return !is_privileged() && path == machine_file() &&
         ::faccessat(AT_FDCWD, path.c_str(), R_OK, AT_EACCESS) != 0 && errno == EACCES;
}

Result<Draft> read_file_in_force(LoadedSettings& loaded) {
  const std::string path = config_path();
  if (path.empty()) return Draft{};
  if (is_withheld(path)) {
    loaded.withheld = path;
    return Draft{};
  }
  loaded.file = path;
  return read_config_file(path);
}

Result<Secret> read_key_file(const std::string& path) {
  Result<std::string> text = read_private_file(path, kKeyFileLimit);
  if (!text) return fail(text.error());
  const Secret content = Secret::adopt(*text);
  const std::string_view key = trimmed(content.reveal());
  if (!is_api_key(key)) {
    return complaint(path + " does not hold an API key (swk_ and 43 characters)");
  }
  return Secret(key);
}

// The variables before the file, a key before the name of a file with one.
Result<void> apply(Draft& draft, LoadedSettings& loaded) {
  loaded.key_source = draft.settings.api_key ? loaded.file : "";
  const bool key = variable("SEALWRIGHT_API_KEY").has_value();
  if (key || variable("SEALWRIGHT_API_KEY_FILE")) {
    draft.settings.api_key.reset();
    draft.api_key_file.clear();
    loaded.key_source = key ? "SEALWRIGHT_API_KEY" : "";
  }
  Result<std::vector<std::string>> set = apply_variables(draft);
  if (!set) return fail(set.error());
  loaded.variables = std::move(*set);
  if (draft.settings.api_key || draft.api_key_file.empty()) return {};
  Result<Secret> read = read_key_file(draft.api_key_file);
  if (!read) return fail(read.error());
  draft.settings.api_key = std::move(*read);
  draft.settings.read_api_key_again = [path = draft.api_key_file] { return read_key_file(path); };
  loaded.key_source = draft.api_key_file;
  return {};
}

// Our own setting before the variable that every program reads, which may hold what we do not know:
// that is told where it would be needed.
Result<void> settle_proxy(Settings::Proxy& proxy) {
  if (proxy.url) {
    if (const auto parsed = net::parse_proxy(proxy); !parsed) {
      return complaint("SEALWRIGHT_PROXY_URL (proxy.url): " + parsed.error().message);
    }
  }
  for (const char* name : {"https_proxy", "HTTPS_PROXY"}) {
    const auto value = variable(name);
    if (value && !proxy.url) proxy.url = Secret(*value);
  }
  for (const char* name : {"NO_PROXY", "no_proxy"}) {
    if (auto value = variable(name)) proxy.except = std::move(*value);
  }
  return {};
}

// As every program that goes by OpenSSL reads them: the folders with colons between.
void settle_authorities(Settings::Tls& tls) {
  const std::string here = current_folder();
  if (auto file = variable("SSL_CERT_FILE")) tls.system_bundle = absolute(*file, here);
  const std::string folders = variable("SSL_CERT_DIR").value_or("");
  for (std::string_view rest = folders; !rest.empty();) {
    const std::string_view folder = rest.substr(0, rest.find(':'));
    rest.remove_prefix(std::min(folder.size() + 1, rest.size()));
    if (!folder.empty()) tls.system_folders.push_back(absolute(folder, here));
  }
}

// They are not ours to complain of unless they count.
Result<void> check_authorities(const Settings::Tls& tls, const std::vector<net::Url>& urls) {
  const auto is_tls = [](const net::Url& url) { return url.transport == net::Transport::kTls; };
  if (!tls.ca_file.empty() || std::none_of(urls.begin(), urls.end(), is_tls)) return {};
  for (const std::string& folder : tls.system_folders) {
    if (auto sound = check_folder(folder); !sound) return sound;
    if (!net::is_changed_by_its_owner_alone(folder)) continue;  // its files are judged one by one
    for (const std::string& file : net::authorities_in(folder)) {
      if (auto sound = check_file(file); !sound) return sound;
    }
  }
  return tls.system_bundle.empty() ? Result<void>() : check_file(tls.system_bundle);
}

Result<void> check_files(const Settings::Tls& tls) {
  if (tls.client_cert.empty() != tls.client_key.empty()) {
    return complaint("a client certificate needs both client_cert and client_key");
  }
  if (!tls.client_key.empty()) {
    const Result<std::string> key = read_private_file(tls.client_key, 1U << 20U);
    if (!key) return fail(key.error());
  }
  for (const std::string* path : {&tls.ca_file, &tls.client_cert}) {
    if (path->empty()) continue;
    if (auto sound = check_file(*path); !sound) return sound;
  }
  return {};
}

Result<void> check_together(const LoadedSettings& loaded) {
  if (!loaded.withheld.empty() && (loaded.urls.empty() || !loaded.api_key)) {
    return complaint(loaded.withheld +
                     ": Permission denied, and the variables do not say both where and who: "
                     "set SEALWRIGHT_URL and SEALWRIGHT_API_KEY_FILE");
  }
  if (auto sound = check_files(loaded.tls); !sound) return sound;
  if (loaded.urls.empty()) return {};
  const auto urls = remote::endpoints(loaded);
  if (!urls) return complaint(urls.error().message);
  return check_authorities(loaded.tls, *urls);
}

}  // namespace

Result<LoadedSettings> load_settings() {
  LoadedSettings loaded;
  Result<Draft> draft = read_file_in_force(loaded);
  if (!draft) return fail(draft.error());
  if (auto done = apply(*draft, loaded); !done) return fail(done.error());
  static_cast<Settings&>(loaded) = std::move(draft->settings);
  if (is_privileged() || loaded.log_file == "/dev/stderr") loaded.log_file.clear();
  if (is_privileged()) loaded.receipts_folder.clear();
  loaded.has_own_proxy = loaded.proxy.url.has_value();
  if (auto done = settle_proxy(loaded.proxy); !done) return fail(done.error());
  settle_authorities(loaded.tls);
  if (auto done = check_together(loaded); !done) return fail(done.error());
  return loaded;
}

}  // namespace sealwright::settings
