// The urls of a configuration.
#include "fuzz/input.h"
#include "net/url.h"

using sealwright::fuzz::Input;
using sealwright::fuzz::require;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = Input(data, size).rest_as_text();
  const auto url = sealwright::net::parse_url(text);
  if (!url) {
    const std::string& message = url.error().message;
    require(url.error().for_person && !message.empty(), "a refusal says why");
    const std::size_t at = message.find('@');
    require(at == std::string::npos ||
                (message.rfind('@') == at && message.compare(at - 3, 3, "***") == 0),
            "and quotes nothing before an @");
    return 0;
  }
  const auto again = sealwright::net::parse_url(url->origin() + url->base_path);
  require(again.has_value(), "an accepted url is accepted as it is written back");
  require(again->origin() == url->origin() && again->base_path == url->base_path &&
              again->transport == url->transport && again->port == url->port,
          "and means the same");
  require(again->is_local() == url->is_local(), "and is as local");
  const std::string authority = url->authority();
  require(
      std::all_of(authority.begin(), authority.end(), [](char c) { return c > ' ' && c < 0x7f; }),
      "nothing in the Host field ends it");
  return 0;
}
