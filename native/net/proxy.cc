#include "net/proxy.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <string_view>

namespace sealwright::net {
namespace {

constexpr std::size_t kHeadLimit = 65'536;
constexpr std::string_view kScheme = "http://";

tl::unexpected<Error> bad_proxy(const std::string& why) {
  return fail(Error::tell(CKR_ARGUMENTS_BAD, "the proxy's url " + why));
}

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

std::string lowered(std::string_view text) {
  std::string result(text);
  std::transform(result.begin(), result.end(), result.begin(), lower);
  return result;
}

// %XX as the octet that it stands for; nothing if it is malformed.
std::optional<std::string> percent_decoded(std::string_view text) {
  std::string result;
  while (!text.empty()) {
    if (text.front() != '%') {
      result += text.front();
      text.remove_prefix(1);
      continue;
    }
    unsigned octet = 0;
    const std::string_view digits = text.substr(1, 2);
    const auto [end, fault] =
        std::from_chars(digits.data(), digits.data() + digits.size(), octet, 16);
    if (fault != std::errc() || digits.size() != 2 || end != digits.data() + 2) return std::nullopt;
    result += static_cast<char>(octet);
    text.remove_prefix(3);
  }
  return result;
}

// name:password as Basic sends it.
Result<Secret> basic(std::string_view userinfo) {
  const std::size_t colon = std::min(userinfo.find(':'), userinfo.size());
  const std::string_view secret = userinfo.substr(std::min(colon + 1, userinfo.size()));
  const auto name = percent_decoded(userinfo.substr(0, colon));
  auto password = percent_decoded(secret);
  if (!name || !password || name->find(':') != std::string::npos) {
    return bad_proxy("has a name or a password that is malformed: write %XX for odd characters");
  }
  std::string pair;
  pair.reserve(name->size() + 1 + password->size());
  pair.append(*name).append(":").append(*password);
  std::string encoded = to_base64(as_bytes(pair));
  const Secret wiped = Secret::adopt(pair);
  const Secret also = Secret::adopt(*password);
  return Secret::adopt(encoded);
}

struct Network {
  std::array<std::uint8_t, sizeof(in6_addr)> octets{};
  std::size_t bits = 0;  // of an address
};

std::optional<Network> address_of(const std::string& text) {
  Network address;
  if (::inet_pton(AF_INET, text.c_str(), address.octets.data()) == 1) {
    address.bits = 32;
  } else if (::inet_pton(AF_INET6, text.c_str(), address.octets.data()) == 1) {
    address.bits = 128;
  } else {
    return std::nullopt;
  }
  return address;
}

// Whether `host` is an address in "10.0.0.0/8".
bool is_inside(const std::string& host, std::string_view network) {
  const std::size_t slash = network.find('/');
  if (slash == std::string_view::npos) return false;
  const auto address = address_of(host);
  const auto base = address_of(std::string(network.substr(0, slash)));
  const std::string_view length = network.substr(slash + 1);
  std::size_t bits = 0;
  const auto [end, fault] = std::from_chars(length.data(), length.data() + length.size(), bits);
  if (!address || !base || address->bits != base->bits || fault != std::errc() ||
      end != length.data() + length.size() || bits > base->bits) {
    return false;
  }
  for (std::size_t bit = 0; bit < bits; ++bit) {
    const auto mask = static_cast<std::uint8_t>(0x80U >> (bit % 8));
    if (((address->octets[bit / 8] ^ base->octets[bit / 8]) & mask) != 0) return false;
  }
  return true;
}

// One item of NO_PROXY: a name and all below it, an address, a network, *; with or without a port.
bool is_named(std::string_view item, const Url& url) {
  const std::string host = lowered(url.host);
  std::string name = lowered(item);
  if (name == "*" || is_inside(host, name)) return true;
  const std::string port = std::string(1, ':').append(std::to_string(url.port));
  const bool has_port = std::count(name.begin(), name.end(), ':') == 1 || name.starts_with('[');
  if (has_port && name.ends_with(port)) name.resize(name.size() - port.size());
  if (name.starts_with('[') && name.ends_with(']')) name = name.substr(1, name.size() - 2);
  if (name.starts_with("*.")) name.erase(0, 1);
  if (name.empty() || host == name) return !name.empty();
  if (!name.starts_with('.')) name.insert(name.begin(), '.');
  return host.ends_with(name);
}

// Up to the empty line and not an octet further: what follows is the tunnel's.
Result<std::string> read_head(Stream& stream, const Deadline& deadline) {
  std::string head;
  while (!head.ends_with("\r\n\r\n")) {
    std::uint8_t octet = 0;
    const Result<std::size_t> size = stream.read({&octet, 1}, deadline);
    if (!size) return fail(size.error());
    if (*size == 0 || head.size() == kHeadLimit) {
      return fail(CKR_DEVICE_ERROR, "it gives no answer that makes sense");
    }
    head += static_cast<char>(octet);
  }
  return head;
}

// 0: it is no HTTP.
unsigned status_of(std::string_view head) {
  constexpr std::size_t kAt = 9;  // "HTTP/1.1 200"
  if (!head.starts_with("HTTP/1.") || head.size() < kAt + 3) return 0;
  unsigned status = 0;
  std::from_chars(head.data() + kAt, head.data() + kAt + 3, status);
  return status;
}

Result<void> judge(unsigned status, const std::string& target, bool has_credentials) {
  if (status >= 200 && status < 300) return {};
  if (status == 407 && has_credentials) {
    return lasting_fault(
        "it does not accept this name and password: correct them in its url (SEALWRIGHT_PROXY_URL, "
        "[proxy] url or HTTPS_PROXY)");
  }
  if (status == 407) {
    return lasting_fault(
        "it asks for a name and a password: http://NAME:PASSWORD@HOST:PORT in SEALWRIGHT_PROXY_URL "
        "or [proxy] url");
  }
  if (status == 0) return fail(CKR_DEVICE_ERROR, "it gives no answer that makes sense");
  std::string what = "it opens no way to " + target + " (" + std::to_string(status) + ")";
  if (status == 429 || status >= 500) return fail(CKR_DEVICE_ERROR, std::move(what));
  return lasting_fault(std::move(what));
}

}  // namespace

Url Proxy::url() const {
  Url made;
  made.host = host;
  made.port = port;
  return made;
}

bool Proxy::serves(const Url& target) const {
  if (host.empty() || target.transport != Transport::kTls || target.is_local()) return false;
  constexpr std::string_view kBetween = ", \t";
  std::string_view left = except;
  while (!left.empty()) {
    const std::string_view item = left.substr(0, left.find_first_of(kBetween));
    left.remove_prefix(std::min(item.size() + 1, left.size()));
    if (!item.empty() && is_named(item, target)) return false;
  }
  return true;
}

Result<Proxy> parse_proxy(const Settings::Proxy& settings) {
  Proxy proxy;
  if (!settings.url || settings.url->empty()) return proxy;
  std::string_view text = settings.url->reveal();
  if (const std::size_t scheme = text.find("://"); scheme != std::string_view::npos) {
    if (lowered(text.substr(0, scheme + 3)) != kScheme) {
      return bad_proxy("must start with http://: no other way to a proxy is known");
    }
    text.remove_prefix(scheme + 3);
  }
  text = text.substr(0, text.find('/'));
  if (const std::size_t at = text.rfind('@'); at != std::string_view::npos) {
    auto credentials = basic(text.substr(0, at));
    if (!credentials) return fail(std::move(credentials).error());
    proxy.credentials = *std::move(credentials);
    text.remove_prefix(at + 1);
  }
  const Result<Url> where = parse_url(std::string(kScheme).append(text));
  // Not what parse_url says: it quotes, and there may be half a password in what it saw.
  if (!where) return bad_proxy("must be http://[NAME:PASSWORD@]HOST[:PORT]");
  proxy.host = where->host;
  proxy.port = where->port;
  proxy.except = settings.except;
  return proxy;
}

Result<void> open_tunnel(Stream& stream, const Proxy& proxy, const Url& target,
                         const Deadline& deadline) {
  const bool literal = target.host.find(':') != std::string::npos;
  const std::string authority =
      (literal ? "[" + target.host + "]" : target.host) + ":" + std::to_string(target.port);
  std::string text;
  text.reserve(512 + 2 * authority.size() + proxy.credentials.reveal().size());  // no copies
  text.append("CONNECT ").append(authority).append(" HTTP/1.1\r\nHost: ").append(authority);
  text.append("\r\nUser-Agent: sealwright-pkcs11/" SEALWRIGHT_VERSION "\r\n");
  if (!proxy.credentials.empty()) {
    text.append("Proxy-Authorization: Basic ").append(proxy.credentials.reveal()).append("\r\n");
  }
  text.append("\r\n");
  const Secret request = Secret::adopt(text);
  return stream.write(as_bytes(request.reveal()), deadline)
      .and_then([&] { return read_head(stream, deadline); })
      .and_then([&](const std::string& head) {
        return judge(status_of(head), authority, !proxy.credentials.empty());
      });
}

}  // namespace sealwright::net
