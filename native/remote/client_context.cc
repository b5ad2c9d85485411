#include "remote/client_context.h"

#include <limits.h>
#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <iterator>

#include "base/fork.h"
#include "base/redact.h"
#include "base/utf8.h"
#include "net/reentry.h"

namespace sealwright::remote {
namespace {

constexpr std::size_t kShortText = 255;
constexpr std::size_t kCommandText = 2048;
constexpr std::size_t kCommandRead = 65'536;

// The value is the next argument, or follows '=' or ':' in the same one.
constexpr std::array kSecretOptions =
    std::to_array<std::string_view>({"storepass",     "keypass",    "srcstorepass",
                                     "deststorepass", "srckeypass", "destkeypass",
                                     "new",           "p",          "P",
                                     "pin",           "so-pin",     "new-pin",
                                     "puk",           "pass",       "password",
                                     "passphrase",    "passin",     "passout",
                                     "ks-pass",       "key-pass",   "tsa-password",
                                     "api-key",       "token",      "access-token"});

bool is_secret_option(std::string_view name) {
  return std::find(kSecretOptions.begin(), kSecretOptions.end(), name) != kSecretOptions.end();
}

// Of PKCS#11 URIs and of URLs: what follows `mark` up to one of `ends`.
std::string mask_after(std::string text, std::string_view mark, std::string_view ends) {
  std::size_t at = text.find(mark);
  while (at != std::string::npos) {
    at += mark.size();
    const std::size_t end = std::min(text.find_first_of(ends, at), text.size());
    if (end > at) text.replace(at, end - at, "***");
    at = text.find(mark, at);
  }
  return text;
}

// scheme://user:password@host: from the first colon to the last @, so that whatever stands in a
// password that should have been escaped goes too. No colon but that of a port: no password.
std::string mask_password_of_url(std::string text) {
  const std::size_t start = text.find("://");
  if (start == std::string::npos) return text;
  const std::size_t host = text.rfind('@');
  const std::size_t colon = text.find(':', start + 3);
  if (host == std::string::npos || colon > host) return text;
  const std::size_t slash = text.find('/', start + 3);
  const std::size_t port_end = text.find_first_not_of("0123456789", colon + 1);
  const std::size_t digits = port_end - colon - 1;
  const bool is_port =
      slash < colon || (port_end == slash && slash < host && digits >= 1 && digits <= 5);
  if (!is_port) text.replace(colon + 1, host - colon - 1, "***");
  return text;
}

// As a shell would take it for the one argument that it is.
std::string shell_word(const std::string& argument) {
  if (!argument.empty() && argument.find_first_of(" \t\r\n'\"\\") == std::string::npos) {
    return argument;
  }
  std::string text = "'";
  for (const char c : argument) text += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return text + "'";
}

std::string limited_utf8(std::string_view text, std::size_t limit) {
  std::string clean;
  text = text.substr(0, limit);
  while (!text.empty()) {
    const std::size_t length = character_length(text);
    clean.append(length == 0 ? "?" : text.substr(0, length));
    text.remove_prefix(std::max<std::size_t>(length, 1));
  }
  return clean;
}

std::string read_tool() {
  std::array<char, PATH_MAX> path{};
  const ssize_t size = ::readlink("/proc/self/exe", path.data(), path.size());
  const std::string_view whole(path.data(), size > 0 ? static_cast<std::size_t>(size) : 0);
  return std::string(whole.substr(whole.rfind('/') + 1));
}

std::vector<std::string> read_arguments() {
  std::ifstream file("/proc/self/cmdline", std::ios::binary);
  std::vector<std::string> arguments;
  std::string argument;
  std::size_t total = 0;
  while (total < kCommandRead && std::getline(file, argument, '\0')) {
    total += argument.size() + 1;
    arguments.push_back(argument);
  }
  return arguments;
}

std::string read_hostname() {
  std::array<char, HOST_NAME_MAX + 1> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "";
}

std::string read_user() {
  passwd entry{};
  passwd* found = nullptr;
  std::array<char, 16'384> room{};
  const uid_t user = ::geteuid();
  const net::NetworkCall call;
  const GateSection section;  // of the name service's locks
  if (::getpwuid_r(user, &entry, room.data(), room.size(), &found) == 0 && found != nullptr) {
    return found->pw_name;
  }
  return std::to_string(user);
}

}  // namespace

std::string mask_command(const std::vector<std::string>& arguments) {
  std::string command;
  bool value_is_secret = false;
  for (const std::string& argument : arguments) {
    std::string shown =
        mask_password_of_url(mask_after(mask_credentials(argument), "pin-value=", ";&?"));
    const std::size_t dashes = std::min(argument.find_first_not_of('-'), argument.size());
    const std::size_t end = std::min(argument.find_first_of("=:", dashes), argument.size());
    const std::string_view name = std::string_view(argument).substr(dashes, end - dashes);
    if (value_is_secret) {
      shown = "***";
      value_is_secret = false;
    } else if (dashes > 0 && is_secret_option(name)) {
      // keytool and jarsigner: -storepass:env NAME; what follows is a name, but masked all the
      // same.
      const std::string_view value =
          std::string_view(argument).substr(std::min(end + 1, argument.size()));
      value_is_secret = end == argument.size() || value == "env" || value == "file";
      if (!value_is_secret) shown = argument.substr(0, end + 1) + "***";
    } else if (dashes == 0 && argument.starts_with("pass:")) {
      shown = "pass:***";
    } else if (dashes == 1 && argument.size() > 2 && argument.starts_with("-p") &&
               argument.find_first_not_of("0123456789", 2) == std::string::npos) {
      shown = "-p***";  // a PIN written without a space
    }
    if (!command.empty()) command += ' ';
    command += shell_word(shown);
  }
  return command;
}

ClientContext describe_this_process() {
  ClientContext context;
  context.tool = limited_utf8(mask_credentials(read_tool()), kShortText);
  context.command = limited_utf8(mask_command(read_arguments()), kCommandText);
  context.hostname = limited_utf8(read_hostname(), kShortText);
  context.os_user = limited_utf8(read_user(), kShortText);
  context.module_version = SEALWRIGHT_VERSION;
  return context;
}

std::string who_asks(const ClientContext& client) {
  std::string text = client.tool.empty() ? "a tool" : client.tool;
  if (!client.hostname.empty()) text.append(" on ").append(client.hostname);
  if (!client.os_user.empty()) text.append(" as ").append(client.os_user);
  return escape_controls(text);
}

}  // namespace sealwright::remote
