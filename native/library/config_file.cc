#include "library/config_file.h"

#include <algorithm>
#include <functional>
#include <initializer_list>
#include <limits>
#include <string_view>
#include <utility>

#include "base/redact.h"
#include "library/approval_values.h"
#include "library/private_file.h"
#include "library/toml.h"

namespace sealwright {
namespace {

constexpr std::size_t kFileLimit = 1U << 20U;

// Carries out one key's meaning; says what was expected when the value does not fit.
using Take = std::function<std::string(const toml::node&)>;
struct Key {
  std::string_view name;
  Take take;
};

class File {
 public:
  explicit File(std::string path) : path_(std::move(path)) {}

  // Every entry of `table` by one of `keys`; the first fault ends it.
  Result<void> read(const toml::table& table, const std::string& prefix,
                    std::initializer_list<Key> keys) const {
    for (const auto& [name, node] : table) {
      const auto key = std::find_if(keys.begin(), keys.end(), [&name = name](const Key& known) {
        return known.name == name.str();
      });
      std::string full = prefix;
      full += name.str();
      if (key == keys.end()) return fault(node, full.append(": unknown key"));
      const std::string expected = key->take(node);
      if (!expected.empty()) return fault(node, full.append(" must be ").append(expected));
    }
    return {};
  }

  [[nodiscard]] tl::unexpected<Error> fault(const toml::node& node, const std::string& what) const {
    return at(node.source().begin.line, what);
  }
  [[nodiscard]] tl::unexpected<Error> at(std::size_t line, const std::string& what) const {
    return fail(Error::tell(CKR_GENERAL_ERROR, path_ + ":" + std::to_string(line) + ": " + what));
  }

 private:
  std::string path_;
};

Take text_into(std::string& target) {
  return [&target](const toml::node& node) -> std::string {
    const auto* value = node.as_string();
    if (value == nullptr || value->get().empty()) return "a text that is not empty";
    target = value->get();
    return "";
  };
}

Take flag_into(bool& target) {
  return [&target](const toml::node& node) -> std::string {
    const auto* value = node.as_boolean();
    if (value == nullptr) return "true or false";
    target = value->get();
    return "";
  };
}

Take timeout_into(std::chrono::milliseconds& target) {
  return [&target](const toml::node& node) -> std::string {
    const auto seconds = node.value<double>();
    const bool number = node.is_integer() || node.is_floating_point();
    return number && seconds && to_timeout(*seconds, target) ? "" : "seconds, from 0.1 to 3600";
  };
}

Take urls_into(std::vector<std::string>& target) {
  return [&target](const toml::node& node) -> std::string {
    target.clear();
    if (const auto* one = node.as_string()) {
      target.push_back(one->get());
      return "";
    }
    const auto* list = node.as_array();
    if (list == nullptr || list->empty()) return "a url or a list of urls";
    for (const toml::node& entry : *list) {
      if (!entry.is_string()) return "a url or a list of urls";
      target.push_back(entry.as_string()->get());
    }
    return "";
  };
}

// A text that `convert(text, target)` takes.
template <typename Convert, typename Target>
Take text_as(Convert convert, Target& target, const char* expected) {
  return [=, &target](const toml::node& node) -> std::string {
    const auto* value = node.as_string();
    return value != nullptr && convert(value->get(), target) ? "" : expected;
  };
}

Take signings_into(std::optional<std::uint32_t>& target) {
  return [&target](const toml::node& node) -> std::string {
    const auto* value = node.as_integer();
    return value != nullptr && to_signings(value->get(), target) ? "" : kSignings;
  };
}

std::string expect_table(const toml::node& node) { return node.is_table() ? "" : "a table"; }

bool is_signer_number(std::int64_t number) {
  return number >= 1 && number <= std::numeric_limits<std::int32_t>::max();
}

Result<void> read_signers(const File& file, const toml::table& table,
                          std::map<std::string, std::uint32_t>& signers) {
  std::map<std::uint32_t, std::string> taken;
  for (const auto& [name, node] : table) {
    const std::string full = "signers." + std::string(name.str());
    if (name.str().empty() || name.str().size() > 32) {
      return file.fault(node, full + ": a signer's name has 1 to 32 characters");
    }
    const auto* number = node.as_integer();
    if (number == nullptr || !is_signer_number(number->get())) {
      return file.fault(node, full + " must be the signer's number");
    }
    const auto slot = static_cast<std::uint32_t>(number->get());
    if (!taken.emplace(slot, name.str()).second) {
      return file.fault(node, full + ": another signer has the same number");
    }
    signers.emplace(name.str(), slot);
  }
  return {};
}

Result<void> read_tables(const File& file, const toml::table& root, Settings& settings) {
  const auto table = [&root](std::string_view name) {
    const toml::node* node = root.get(name);
    static constexpr toml::table* kNone = nullptr;
    return node == nullptr ? kNone : node->as_table();
  };
  if (const auto* signers = table("signers")) {
    if (auto done = read_signers(file, *signers, settings.signers); !done) return done;
  }
  if (const auto* tls = table("tls")) {
    auto done = file.read(*tls, "tls.",
                          {{"ca_file", text_into(settings.tls.ca_file)},
                           {"client_cert", text_into(settings.tls.client_cert)},
                           {"client_key", text_into(settings.tls.client_key)}});
    if (!done) return done;
  }
  if (const auto* proxy = table("proxy")) {
    const Take url = [&settings](const toml::node& node) -> std::string {
      const auto* value = node.as_string();
      if (value == nullptr || value->get().empty()) return "a url";
      settings.proxy.url = Secret(value->get());
      return "";
    };
    if (auto done = file.read(*proxy, "proxy.", {{"url", url}}); !done) return done;
  }
  if (const auto* timeouts = table("timeouts")) {
    auto done = file.read(*timeouts, "timeouts.",
                          {{"connect", timeout_into(settings.connect_timeout)},
                           {"request", timeout_into(settings.request_timeout)},
                           {"list", timeout_into(settings.list_timeout)}});
    if (!done) return done;
  }
  if (const auto* approval = table("approval")) {
    Settings::Approval& into = settings.approval;
    auto done =
        file.read(*approval, "approval.",
                  {{"request", flag_into(into.request)},
                   {"window", text_as(to_window, into.window, kWindow)},
                   {"signings", signings_into(into.signings)},
                   {"justification", text_as(to_justification, into.justification, kJustification)},
                   {"wait", text_as(to_wait, into.wait, kWait)}});
    if (!done) return done;
  }
  if (const auto* log = table("log")) {
    const Take level = [&settings](const toml::node& node) -> std::string {
      const auto* value = node.as_string();
      const bool fits = value != nullptr && to_log_level(value->get(), settings.log_level);
      return fits ? "" : "off, error, warning, info or debug";
    };
    return file.read(*log, "log.", {{"level", level}, {"file", text_into(settings.log_file)}});
  }
  return {};
}

}  // namespace

bool to_timeout(double seconds, std::chrono::milliseconds& span) {
  if (!(seconds >= 0.1 && seconds <= 3600.0)) return false;
  span = std::chrono::milliseconds(static_cast<std::int64_t>(seconds * 1000.0));
  return true;
}

bool to_log_level(std::string_view text, LogLevel& level) {
  constexpr std::pair<std::string_view, LogLevel> kLevels[] = {{"off", LogLevel::kOff},
                                                               {"error", LogLevel::kError},
                                                               {"warning", LogLevel::kWarning},
                                                               {"info", LogLevel::kInfo},
                                                               {"debug", LogLevel::kDebug}};
  for (const auto& [name, value] : kLevels) {
    if (name != text) continue;
    level = value;
    return true;
  }
  return false;
}

Result<FileSettings> read_config_file(const std::string& path) {
  const Result<FileText> content = read_file(path, kFileLimit);
  if (!content) return fail(content.error());
  const File file(path);
  const toml::parse_result parsed = toml::parse(std::string_view(content->text));
  if (!parsed) {
    return file.at(parsed.error().source().begin.line, std::string(parsed.error().description()));
  }
  const toml::table& root = parsed.table();

  FileSettings result;
  Settings& settings = result.settings;
  const Take key = [&settings](const toml::node& node) -> std::string {
    const auto* value = node.as_string();
    // The value is not shown: it may be a key with one letter too many.
    if (value == nullptr || !is_api_key(value->get())) return "an API key (swk_ and 43 characters)";
    settings.api_key = Secret(value->get());
    return "";
  };
  auto done = file.read(root, "",
                        {{"url", urls_into(settings.urls)},
                         {"api_key", key},
                         {"api_key_file", text_into(result.api_key_file)},
                         {"login_required", flag_into(settings.login_required)},
                         {"insecure", flag_into(settings.insecure)},
                         {"signers", expect_table},
                         {"tls", expect_table},
                         {"proxy", expect_table},
                         {"timeouts", expect_table},
                         {"approval", expect_table},
                         {"log", expect_table}});
  if (!done) return fail(done.error());
  if (auto tables = read_tables(file, root, settings); !tables) return fail(tables.error());
  const bool has_password =
      settings.proxy.url && settings.proxy.url->reveal().find('@') != std::string_view::npos;
  if ((settings.api_key || has_password) && content->readable_by_others) {
    return fail(too_open(path));
  }
  if (settings.api_key && !result.api_key_file.empty()) {
    return file.fault(*root.get("api_key_file"), "api_key and api_key_file: name one of them");
  }
  return result;
}

}  // namespace sealwright
