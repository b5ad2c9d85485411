#include "bindings/bind_settings.h"

#include <pybind11/stl.h>

#include <optional>
#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "net/proxy.h"
#include "settings/load.h"
#include "settings/table.h"

namespace sealwright::bindings {
namespace {

namespace py = pybind11;

struct SettingsError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// The proxy through which a url is reached, and what is sent of credentials; nothing: straight.
std::optional<std::pair<std::string, std::string>> proxy_to(const std::string& url) {
  const auto loaded = settings::load_settings();
  if (!loaded) throw SettingsError(loaded.error().message);
  const auto target = net::parse_url(url);
  if (!target) throw SettingsError(target.error().message);
  if (target->transport != net::Transport::kTls || target->is_local()) return std::nullopt;
  const auto proxy = net::parse_proxy(loaded->proxy);
  if (!proxy) throw SettingsError(proxy.error().message);
  if (!proxy->serves(*target)) return std::nullopt;
  return std::pair(proxy->url().origin(), std::string(proxy->credentials.reveal()));
}

using Names = std::tuple<std::string, std::string, std::string, std::string>;
std::vector<Names> table() {
  std::vector<Names> rows;
  for (const settings::Row& row : settings::table()) {
    rows.emplace_back(row.key, row.variable, row.otherwise, row.meaning);
  }
  return rows;
}

}  // namespace

void bind_settings(py::module_& extension) {
  py::register_exception<SettingsError>(extension, "SettingsError", PyExc_ValueError);

  extension.def("proxy_to", &proxy_to,
                "the proxy between here and a url, by the settings in force");
  extension.def("settings_table", &table, "key, variable, default and meaning of each setting");
}

}  // namespace sealwright::bindings
