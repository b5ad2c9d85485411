#include "remote/endpoints.h"

namespace sealwright::remote {

Result<std::vector<net::Url>> endpoints(const Settings& settings) {
  std::vector<net::Url> urls;
  for (const std::string& text : settings.urls) {
    Result<net::Url> url = net::parse_url(text);
    if (!url) return fail(url.error());
    if (url->transport == net::Transport::kPlain && !url->is_local() && !settings.insecure) {
      return fail(
          Error::tell(CKR_ARGUMENTS_BAD,
                      "url \"" + url->origin() +
                          "\": plain http would send the API key in clear to another "
                          "machine; use https, or set SEALWRIGHT_INSECURE=true (insecure = true)"));
    }
    urls.push_back(std::move(*url));
  }
  if (urls.empty()) {
    return fail(Error::tell(CKR_ARGUMENTS_BAD,
                            "no control plane is configured: set SEALWRIGHT_URL, or url in "
                            "~/.config/sealwright/pkcs11.toml"));
  }
  return urls;
}

}  // namespace sealwright::remote
