#include "settings/table.h"

#include <array>
#include <utility>

#include "base/redact.h"
#include "settings/values.h"

namespace sealwright::settings {
namespace {

constexpr const char* kFlag = "true or false";
constexpr const char* kText = "a text that is not empty";
constexpr const char* kTimeout = "seconds, from 0.1 to 3600";

bool flag(const Value& value) { return std::get<bool>(value); }
const std::string& text(const Value& value) { return std::get<std::string>(value); }

constexpr std::array kRows = {
    Row{"url", "SEALWRIGHT_URL", Form::kTexts, "a url or a list of urls", "none: there must be one",
        "control planes, tried in turn; in the variable with commas",
        [](Value& value, Draft& into) {
          into.settings.urls = std::get<std::vector<std::string>>(std::move(value));
          return true;
        }},
    Row{"api_key", "SEALWRIGHT_API_KEY", Form::kText, "an API key (swk_ and 43 characters)", "none",
        "the API key",
        [](Value& value, Draft& into) {
          const Secret key = Secret::adopt(std::get<std::string>(value));
          if (!is_api_key(key.reveal())) return false;
          into.settings.api_key = key;
          return true;
        }},
    Row{"api_key_file", "SEALWRIGHT_API_KEY_FILE", Form::kPath, kText, "none",
        "a file (0600) with it; a key wins over a file with one",
        [](Value& value, Draft& into) {
          into.api_key_file = text(value);
          return true;
        }},
    Row{"login_required", "SEALWRIGHT_LOGIN_REQUIRED", Form::kFlag, kFlag, "`false`",
        "hide the private key until `C_Login` with an API key as the PIN",
        [](Value& value, Draft& into) {
          into.settings.login_required = flag(value);
          return true;
        }},
    Row{"insecure", "SEALWRIGHT_INSECURE", Form::kFlag, kFlag, "`false`",
        "send keys over plain http to other machines",
        [](Value& value, Draft& into) {
          into.settings.insecure = flag(value);
          return true;
        }},
    Row{"tls.ca_file", "SEALWRIGHT_CA_FILE", Form::kPath, kText, "the system's",
        "PEM of the CA to trust",
        [](Value& value, Draft& into) {
          into.settings.tls.ca_file = text(value);
          return true;
        }},
    Row{"tls.client_cert", "SEALWRIGHT_CLIENT_CERT", Form::kPath, kText, "none",
        "PEM chain of a client certificate",
        [](Value& value, Draft& into) {
          into.settings.tls.client_cert = text(value);
          return true;
        }},
    Row{"tls.client_key", "SEALWRIGHT_CLIENT_KEY", Form::kPath, kText, "none", "its key, PEM, 0600",
        [](Value& value, Draft& into) {
          into.settings.tls.client_key = text(value);
          return true;
        }},
    Row{"proxy.url", "SEALWRIGHT_PROXY_URL", Form::kText, "a url", "`HTTPS_PROXY`",
        "`http://[name:password@]host[:port]` that https goes through; `NO_PROXY` names what does "
        "not",
        [](Value& value, Draft& into) {
          into.settings.proxy.url = Secret::adopt(std::get<std::string>(value));
          return true;
        }},
    Row{"timeouts.connect", "SEALWRIGHT_CONNECT_TIMEOUT", Form::kSeconds, kTimeout, "5",
        "seconds for a connection, 0.1 to 3600",
        [](Value& value, Draft& into) {
          return to_timeout(std::get<double>(value), into.settings.connect_timeout);
        }},
    Row{"timeouts.request", "SEALWRIGHT_REQUEST_TIMEOUT", Form::kSeconds, kTimeout, "30",
        "seconds for a call, all retries in it",
        [](Value& value, Draft& into) {
          return to_timeout(std::get<double>(value), into.settings.request_timeout);
        }},
    Row{"timeouts.list", "SEALWRIGHT_LIST_TIMEOUT", Form::kSeconds, kTimeout, "15",
        "seconds for the first list of signers, all retries in it",
        [](Value& value, Draft& into) {
          return to_timeout(std::get<double>(value), into.settings.list_timeout);
        }},
    Row{"approval.request", "SEALWRIGHT_APPROVAL_REQUEST", Form::kFlag, kFlag, "`false`",
        "ask for a grant where one is wanting",
        [](Value& value, Draft& into) {
          into.settings.approval.request = flag(value);
          return true;
        }},
    Row{"approval.window", "SEALWRIGHT_APPROVAL_WINDOW", Form::kText, kWindow,
        "what the policy allows", "how long it should last: `30m`, `8h`, `2d`; 1 s to 30 d",
        [](Value& value, Draft& into) {
          return to_window(text(value), into.settings.approval.window);
        }},
    Row{"approval.signings", "SEALWRIGHT_APPROVAL_SIGNINGS", Form::kNumber, kSignings,
        "what the policy allows", "for how many signings, 1 to 1000000000",
        [](Value& value, Draft& into) {
          return to_signings(std::get<std::int64_t>(value), into.settings.approval.signings);
        }},
    Row{"approval.justification", "SEALWRIGHT_APPROVAL_JUSTIFICATION", Form::kText, kJustification,
        "who asks, such as `jarsigner on build7 as ci`",
        "what the approvers read, 1 to 2048 characters",
        [](Value& value, Draft& into) {
          return to_justification(text(value), into.settings.approval.justification);
        }},
    Row{"approval.wait", "SEALWRIGHT_APPROVAL_WAIT", Form::kText, kWait, "no wait",
        "how long a call to sign is held for them, 1 s to 7 d",
        [](Value& value, Draft& into) {
          return to_wait(text(value), into.settings.approval.wait);
        }},
    Row{"receipts.directory", "SEALWRIGHT_RECEIPTS_DIRECTORY", Form::kPath, kText, "none",
        "where each signature leaves its receipt, `OPERATION.tlog-proof`; it must be there",
        [](Value& value, Draft& into) {
          into.settings.receipts_folder = text(value);
          return true;
        }},
    Row{"log.level", "SEALWRIGHT_LOG_LEVEL", Form::kText, kLogLevel, "`warning`",
        "`off`, `error`, `warning`, `info`, `debug`",
        [](Value& value, Draft& into) {
          return to_log_level(text(value), into.settings.log_level);
        }},
    Row{"log.file", "SEALWRIGHT_LOG_FILE", Form::kPath, kText, "stderr", "where lines go",
        [](Value& value, Draft& into) {
          into.settings.log_file = text(value);
          return true;
        }},
};

}  // namespace

std::span<const Row> table() { return kRows; }

}  // namespace sealwright::settings
