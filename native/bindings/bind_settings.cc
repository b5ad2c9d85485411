#include "bindings/bind_settings.h"

#include <pybind11/stl.h>
#include <unistd.h>

#include <cerrno>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <tuple>
#include <vector>

#include "base/log_file.h"
#include "base/trust.h"
#include "net/proxy.h"
#include "settings/load.h"
#include "settings/table.h"

namespace sealwright::bindings {
namespace {

namespace py = pybind11;
using settings::LoadedSettings;

struct SettingsError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

LoadedSettings load() {
  Result<LoadedSettings> loaded = settings::load_settings();
  if (!loaded) throw SettingsError(loaded.error().message);
  return *std::move(loaded);
}

std::optional<std::string> api_key(const LoadedSettings& loaded) {
  if (!loaded.api_key) return std::nullopt;
  return std::string(loaded.api_key->reveal());
}

std::string own_proxy_url(const LoadedSettings& loaded) {
  return loaded.has_own_proxy ? std::string(loaded.proxy.url->reveal()) : "";
}

// The proxy through which a url is reached, and what is sent of credentials; nothing: straight.
std::optional<std::pair<std::string, std::string>> proxy_to(const LoadedSettings& loaded,
                                                            const std::string& url) {
  const auto target = net::parse_url(url);
  if (!target) throw SettingsError(target.error().message);
  if (target->transport != net::Transport::kTls || target->is_local()) return std::nullopt;
  const auto proxy = net::parse_proxy(loaded.proxy);
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

std::optional<std::string> log_file_fault(const std::string& path) {
  const int fd = open_log_file(path);
  if (fd < 0) return std::generic_category().message(errno);
  ::close(fd);
  return std::nullopt;
}

template <typename Duration>
double to_seconds(Duration span) {
  return std::chrono::duration<double>(span).count();
}

}  // namespace

void bind_settings(py::module_& extension) {
  py::register_exception<SettingsError>(extension, "SettingsError", PyExc_ValueError);

  py::class_<LoadedSettings>(extension, "Settings", "The settings in force, and where they stand")
      .def_readonly("file", &LoadedSettings::file)
      .def_readonly("withheld", &LoadedSettings::withheld)
      .def_readonly("variables", &LoadedSettings::variables)
      .def_readonly("key_source", &LoadedSettings::key_source)
      .def_readonly("urls", &LoadedSettings::urls)
      .def_property_readonly("api_key", &api_key)
      .def_readonly("signers", &LoadedSettings::signers)
      .def_readonly("log_file", &LoadedSettings::log_file)
      .def_property_readonly("ca_file",
                             [](const LoadedSettings& loaded) { return loaded.tls.ca_file; })
      .def_property_readonly("client_cert",
                             [](const LoadedSettings& loaded) { return loaded.tls.client_cert; })
      .def_property_readonly("client_key",
                             [](const LoadedSettings& loaded) { return loaded.tls.client_key; })
      .def_property_readonly("own_proxy_url", &own_proxy_url)
      .def("proxy_to", &proxy_to)
      .def_property_readonly(
          "connect_timeout",
          [](const LoadedSettings& loaded) { return to_seconds(loaded.connect_timeout); })
      .def_property_readonly("request_timeout", [](const LoadedSettings& loaded) {
        return to_seconds(loaded.request_timeout);
      });

  extension.def("load_settings", &load, "as C_Initialize does; SettingsError says what it would");
  extension.def("settings_table", &table, "key, variable, default and meaning of each setting");
  extension.def(
      "open_folders", [](const std::string& path) { return way_to(path).open_folders; },
      "those on the way to a file in which others can put another in its place");
  extension.def("log_file_fault", &log_file_fault, "why no line can go there");
}

}  // namespace sealwright::bindings
