// The module's configuration, parsed once (docs/module.md, contract: TOML plus SEALWRIGHT_*).
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/secret.h"

namespace sealwright {

enum class LogLevel { kOff, kError, kWarning, kInfo, kDebug };

struct Settings {
  struct Tls {
    std::string ca_file;      // PEM; empty: the system's authorities
    std::string client_cert;  // PEM chain; empty: none
    std::string client_key;   // PEM
    // As SSL_CERT_FILE and SSL_CERT_DIR have them; empty: where distributions keep them.
    std::string system_bundle;
    std::vector<std::string> system_folders;
  };

  // Through what https leaves this machine.
  struct Proxy {
    std::optional<Secret> url;  // http://[name:password@]host[:port]; none: straight
    std::string except;         // hosts that are reached without it, as NO_PROXY names them
  };

  // What to do when a signature wants a grant and there is none.
  struct Approval {
    bool request = false;  // ask for one
    std::optional<std::chrono::seconds>
        window;                             // how long it should last; none: the policy's limit
    std::optional<std::uint32_t> signings;  // for how many; none: the policy's limit
    std::string justification;              // empty: who asks, from where
    std::chrono::milliseconds wait{0};      // for the approvers, in one call; zero: not at all
  };

  std::vector<std::string> urls;  // http://…, https://…, unix:/path; tried in turn
  std::optional<Secret> api_key;  // none: keys come by C_Login
  std::function<Result<Secret>()> read_api_key_again;  // null: it came from no file of its own
  bool login_required = false;
  bool insecure = false;  // send keys over plain HTTP to hosts that are not loopback
  std::map<std::string, std::uint32_t> signers;  // name -> number; slots when there is no key
  bool is_bystander = false;  // loaded with all that are registered, and nobody configured it
  Tls tls;
  Proxy proxy;
  std::chrono::milliseconds connect_timeout{5'000};
  std::chrono::milliseconds request_timeout{30'000};
  std::chrono::milliseconds list_timeout{15'000};  // for the first list of signers
  Approval approval;
  LogLevel log_level = LogLevel::kWarning;
  std::string log_file;         // empty: stderr
  std::string receipts_folder;  // empty: receipts are not asked for
};

}  // namespace sealwright
