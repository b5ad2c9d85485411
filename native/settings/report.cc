#include "settings/report.h"

#include <unistd.h>

#include <boost/json.hpp>
#include <cerrno>
#include <chrono>
#include <string_view>
#include <system_error>
#include <vector>

#include "base/log_file.h"
#include "base/trust.h"

namespace sealwright::settings {
namespace {

namespace json = boost::json;

std::string log_file_fault(const std::string& path) {
  if (path.empty()) return "";
  const int fd = open_log_file(path);
  if (fd < 0) return std::generic_category().message(errno);
  ::close(fd);
  return "";
}

// A key that is a variable's has no way that leads to it.
json::object open_folders(const LoadedSettings& loaded) {
  const std::string no_file;
  const std::string& key_file = loaded.key_source.starts_with('/') ? loaded.key_source : no_file;
  json::object open;
  for (const std::string& file :
       {loaded.file, key_file, loaded.tls.ca_file, loaded.tls.client_cert, loaded.tls.client_key}) {
    if (file.empty()) continue;
    if (const auto folders = way_to(file).open_folders; !folders.empty()) {
      open[file] = json::value_from(folders);
    }
  }
  return open;
}

double seconds(std::chrono::milliseconds span) {
  return std::chrono::duration<double>(span).count();
}

}  // namespace

std::string report(const Result<LoadedSettings>& loaded) {
  json::object told;
  told["version"] = SEALWRIGHT_VERSION;
  if (!loaded) {
    told["fault"] = loaded.error().message;
    return json::serialize(told);
  }
  told["file"] = loaded->file;
  told["withheld"] = loaded->withheld;
  told["variables"] = json::value_from(loaded->variables);
  told["key_source"] = loaded->key_source;
  told["urls"] = json::value_from(loaded->urls);
  told["signers"] = json::value_from(loaded->signers);
  told["ca_file"] = loaded->tls.ca_file;
  told["client_cert"] = loaded->tls.client_cert;
  told["client_key"] = loaded->tls.client_key;
  told["connect_timeout"] = seconds(loaded->connect_timeout);
  told["request_timeout"] = seconds(loaded->request_timeout);
  told["log_file"] = loaded->log_file;
  told["log_file_fault"] = log_file_fault(loaded->log_file);
  told["open_folders"] = open_folders(*loaded);
  return json::serialize(told);
}

}  // namespace sealwright::settings
