#include "library/config.h"

#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <optional>
#include <string_view>

#include "base/redact.h"
#include "library/approval_values.h"
#include "library/config_file.h"
#include "library/private_file.h"
#include "net/proxy.h"
#include "net/reentry.h"
#include "remote/endpoints.h"

namespace sealwright {
namespace {

constexpr std::size_t kKeyFileLimit = 4096;

tl::unexpected<Error> complaint(std::string what) {
  return fail(Error::tell(CKR_GENERAL_ERROR, std::move(what)));
}

std::optional<std::string> variable(const char* name) {
  const char* value = ::secure_getenv(name);
  if (value == nullptr || *value == '\0') return std::nullopt;
  return value;
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

std::string config_path() {
  if (auto named = variable("SEALWRIGHT_CONFIG")) return *named;
  const std::string own = home_folder() + "/.config/sealwright/pkcs11.toml";
  for (const std::string& path : {own, std::string("/etc/sealwright/pkcs11.toml")}) {
    if (::access(path.c_str(), F_OK) == 0) return path;
  }
  return "";
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n";
  const std::size_t start = text.find_first_not_of(kSpace);
  if (start == std::string_view::npos) return "";
  return text.substr(start, text.find_last_not_of(kSpace) - start + 1);
}

std::vector<std::string> split_list(std::string_view text) {
  std::vector<std::string> items;
  while (!text.empty()) {
    const std::string_view item = text.substr(0, text.find(','));
    text.remove_prefix(std::min(item.size() + 1, text.size()));
    if (!trimmed(item).empty()) items.emplace_back(trimmed(item));
  }
  return items;
}

void text_variable(const char* name, std::string& target) {
  if (auto value = variable(name)) target = *value;
}

Result<void> flag_variable(const char* name, bool& target) {
  const auto value = variable(name);
  if (!value) return {};
  const bool on = *value == "true" || *value == "1" || *value == "yes" || *value == "on";
  const bool off = *value == "false" || *value == "0" || *value == "no" || *value == "off";
  if (!on && !off) return complaint(std::string(name) + " must be true or false");
  target = on;
  return {};
}

Result<void> timeout_variable(const char* name, std::chrono::milliseconds& target) {
  const auto value = variable(name);
  if (!value) return {};
  double seconds = 0;
  const char* const last = value->data() + value->size();
  const auto [end, fault] = std::from_chars(value->data(), last, seconds);
  if (fault != std::errc() || end != last || !to_timeout(seconds, target)) {
    return complaint(std::string(name) + " must be seconds, from 0.1 to 3600");
  }
  return {};
}

// What `convert(text, target)` takes.
template <typename Convert, typename Target>
Result<void> variable_as(const char* name, Convert convert, Target& target, const char* expected) {
  const auto value = variable(name);
  if (!value || convert(*value, target)) return {};
  return complaint(std::string(name) + " must be " + expected);
}

bool to_signings_from_text(std::string_view text, std::optional<std::uint32_t>& signings) {
  std::int64_t count = 0;
  const char* const last = text.data() + text.size();
  const auto [end, fault] = std::from_chars(text.data(), last, count);
  return fault == std::errc() && end == last && to_signings(count, signings);
}

Result<void> apply_approval_variables(Settings::Approval& into) {
  return flag_variable("SEALWRIGHT_APPROVAL_REQUEST", into.request)
      .and_then([&] {
        return variable_as("SEALWRIGHT_APPROVAL_WINDOW", to_window, into.window, kWindow);
      })
      .and_then([&] {
        return variable_as("SEALWRIGHT_APPROVAL_SIGNINGS", to_signings_from_text, into.signings,
                           kSignings);
      })
      .and_then([&] {
        return variable_as("SEALWRIGHT_APPROVAL_JUSTIFICATION", to_justification,
                           into.justification, kJustification);
      })
      .and_then([&] { return variable_as("SEALWRIGHT_APPROVAL_WAIT", to_wait, into.wait, kWait); });
}

Result<Secret> read_key_file(const std::string& path) {
  Result<std::string> text = read_private_file(path, kKeyFileLimit);
  if (!text) return fail(text.error());
  const Secret content = Secret::adopt(*text);
  const std::string_view key = trimmed(content.reveal());
  if (!is_api_key(key))
    return complaint(path + " does not hold an API key (swk_ and 43 characters)");
  return Secret(key);
}

// The variables before the file, a key before the name of a file with one.
Result<void> settle_api_key(Settings& settings, const std::string& named_in_file) {
  if (const auto key = variable("SEALWRIGHT_API_KEY")) {
    if (!is_api_key(*key)) {
      return complaint("SEALWRIGHT_API_KEY is not an API key (swk_ and 43 characters)");
    }
    settings.api_key = Secret(*key);
    return {};
  }
  const auto named = variable("SEALWRIGHT_API_KEY_FILE");
  if (!named && named_in_file.empty()) return {};
  const std::string path = named.value_or(named_in_file);
  Result<Secret> key = read_key_file(path);
  if (!key) return fail(key.error());
  settings.api_key = std::move(*key);
  settings.read_api_key_again = [path] { return read_key_file(path); };
  return {};
}

// Our own setting before the variable that every program reads, which may hold what we do not know:
// that is told where it would be needed.
Result<void> settle_proxy(Settings::Proxy& proxy) {
  if (const auto own = variable("SEALWRIGHT_PROXY_URL")) proxy.url = Secret(*own);
  if (proxy.url) {
    if (const auto parsed = net::parse_proxy(proxy); !parsed) {
      return complaint("SEALWRIGHT_PROXY_URL (proxy.url): " + parsed.error().message);
    }
  }
  for (const char* name : {"https_proxy", "HTTPS_PROXY"}) {
    const auto value = variable(name);
    if (value && !proxy.url) proxy.url = Secret(*value);
  }
  for (const char* name : {"NO_PROXY", "no_proxy"}) text_variable(name, proxy.except);
  return {};
}

Result<void> apply_variables(Settings& settings) {
  if (const auto urls = variable("SEALWRIGHT_URL")) settings.urls = split_list(*urls);
  text_variable("SEALWRIGHT_CA_FILE", settings.tls.ca_file);
  text_variable("SEALWRIGHT_CLIENT_CERT", settings.tls.client_cert);
  text_variable("SEALWRIGHT_CLIENT_KEY", settings.tls.client_key);
  text_variable("SEALWRIGHT_LOG_FILE", settings.log_file);
  if (const auto level = variable("SEALWRIGHT_LOG_LEVEL")) {
    if (!to_log_level(*level, settings.log_level)) {
      return complaint("SEALWRIGHT_LOG_LEVEL must be off, error, warning, info or debug");
    }
  }
  return flag_variable("SEALWRIGHT_INSECURE", settings.insecure)
      .and_then([&] { return flag_variable("SEALWRIGHT_LOGIN_REQUIRED", settings.login_required); })
      .and_then(
          [&] { return timeout_variable("SEALWRIGHT_CONNECT_TIMEOUT", settings.connect_timeout); })
      .and_then(
          [&] { return timeout_variable("SEALWRIGHT_REQUEST_TIMEOUT", settings.request_timeout); })
      .and_then([&] { return timeout_variable("SEALWRIGHT_LIST_TIMEOUT", settings.list_timeout); })
      .and_then([&] { return settle_proxy(settings.proxy); })
      .and_then([&] { return apply_approval_variables(settings.approval); });
}

Result<void> check_together(const Settings& settings) {
  if (settings.tls.client_cert.empty() != settings.tls.client_key.empty()) {
    return complaint("a client certificate needs both client_cert and client_key");
  }
  if (!settings.tls.client_key.empty()) {
    const Result<std::string> key = read_private_file(settings.tls.client_key, 1U << 20U);
    if (!key) return fail(key.error());
  }
  if (settings.urls.empty()) return {};
  const auto urls = remote::endpoints(settings);
  if (!urls) return complaint(urls.error().message);
  return {};
}

}  // namespace

Result<Settings> load_settings() {
  FileSettings file;
  if (const std::string path = config_path(); !path.empty()) {
    Result<FileSettings> read = read_config_file(path);
    if (!read) return fail(read.error());
    file = std::move(*read);
  }
  Settings settings = std::move(file.settings);
  if (auto done = apply_variables(settings); !done) return fail(done.error());
  if (auto done = settle_api_key(settings, file.api_key_file); !done) return fail(done.error());
  if (auto done = check_together(settings); !done) return fail(done.error());
  return settings;
}

}  // namespace sealwright
