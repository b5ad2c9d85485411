#include "net/url.h"

#include <arpa/inet.h>
#include <sys/un.h>

#include <algorithm>
#include <charconv>
#include <span>

#include "base/redact.h"

namespace sealwright::net {
namespace {

constexpr std::uint16_t kHttpPort = 80;
constexpr std::uint16_t kHttpsPort = 443;

// A scheme is the same in capitals.
std::string with_lower_scheme(std::string_view text) {
  std::string result(text);
  const std::size_t end = std::min(text.find(':'), text.size());
  for (char& c : std::span(result).first(end)) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return result;
}

// Quoted without what stands before an @: that may be a password.
tl::unexpected<Error> bad_url(std::string_view text, std::string_view why) {
  std::string quoted(text);
  if (const std::size_t at = text.rfind('@'); at != std::string_view::npos) {
    const std::string lower = with_lower_scheme(text);
    const std::size_t start = lower.starts_with("https://")  ? 8
                              : lower.starts_with("http://") ? 7
                                                             : 0;
    quoted.replace(start, at - start, "***");
  }
  return fail(Error::tell(CKR_ARGUMENTS_BAD,
                          "url \"" + mask_credentials(quoted) + "\": " + std::string(why)));
}

bool is_printable(char c) { return c > ' ' && c < 0x7f; }

bool is_host_character(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' ||
         c == '.' || c == '_';
}

bool is_ipv6(const std::string& host) {
  in6_addr address{};
  return ::inet_pton(AF_INET6, host.c_str(), &address) == 1;
}

std::uint16_t default_port(Transport transport) {
  return transport == Transport::kTls ? kHttpsPort : kHttpPort;
}

Result<Url> parse_unix(std::string_view text, std::string_view path) {
  if (path.starts_with("//")) path.remove_prefix(2);  // unix:///path
  if (!path.starts_with('/')) return bad_url(text, "a socket needs an absolute path");
  while (path.starts_with("//")) path.remove_prefix(1);
  if (path.size() >= sizeof(sockaddr_un::sun_path)) {
    return bad_url(text, "the socket's path is longer than the system allows (107 octets)");
  }
  Url url;
  url.transport = Transport::kUnix;
  url.socket_path = path;
  return url;
}

bool is_host_text(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), is_host_character);
}

// Off the end of an IPv6 literal; with %25 before it as RFC 6874 has it, or a plain %.
bool take_zone(std::string_view& literal, std::string& zone) {
  const std::size_t mark = literal.find('%');
  if (mark == std::string_view::npos) return true;
  std::string_view text = literal.substr(mark + 1);
  if (text.starts_with("25") && text.size() > 2) text.remove_prefix(2);
  zone = text;
  literal = literal.substr(0, mark);
  return is_host_text(zone);
}

// [host] or host, taken off the front of `rest`; false if there is none.
bool take_host(std::string_view& rest, Url& url) {
  if (!rest.starts_with('[')) {
    url.host = rest.substr(0, rest.find(':'));
    rest.remove_prefix(url.host.size());
    return is_host_text(url.host);
  }
  const std::size_t close = rest.find(']');
  if (close == std::string_view::npos) return false;
  std::string_view literal = rest.substr(1, close - 1);
  rest.remove_prefix(close + 1);
  if (!take_zone(literal, url.zone)) return false;
  url.host = literal;
  return is_ipv6(url.host);
}

// As it stands in a url; a zone with the % that RFC 6874 wants.
std::string place(const Url& url, const std::string& zone) {
  const bool literal = url.host.find(':') != std::string::npos;
  std::string text = literal ? "[" + url.host : url.host;
  if (!zone.empty()) text.append("%25").append(zone);
  if (literal) text += ']';
  if (url.port != default_port(url.transport)) text.append(":").append(std::to_string(url.port));
  return text;
}

}  // namespace

std::string Url::authority() const {
  if (transport == Transport::kUnix) return "localhost";
  return place(*this, "");
}

std::string Url::node() const { return zone.empty() ? host : host + "%" + zone; }

std::string Url::origin() const {
  switch (transport) {
    case Transport::kUnix:
      return "unix:" + socket_path;
    case Transport::kTls:
      return "https://" + place(*this, zone);
    case Transport::kPlain:
      break;
  }
  return "http://" + place(*this, zone);
}

bool Url::is_local() const {
  if (transport == Transport::kUnix || host == "localhost") return true;
  in_addr v4{};
  if (::inet_pton(AF_INET, host.c_str(), &v4) == 1) return (ntohl(v4.s_addr) >> 24U) == 127;
  in6_addr v6{};
  return ::inet_pton(AF_INET6, host.c_str(), &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

Result<Url> parse_url(std::string_view written) {
  const std::string whole = with_lower_scheme(written);
  const std::string_view text = whole;
  if (!std::all_of(text.begin(), text.end(), is_printable)) {
    return bad_url(text, "holds a space, a control character or a letter outside ASCII");
  }
  if (text.starts_with("unix:")) return parse_unix(text, text.substr(5));

  Url url;
  std::string_view rest = text;
  if (text.starts_with("https://")) {
    url.transport = Transport::kTls;
    rest.remove_prefix(8);
  } else if (text.starts_with("http://")) {
    rest.remove_prefix(7);
  } else {
    return bad_url(text, "must start with http://, https:// or unix:");
  }
  if (rest.find_first_of("?#") != std::string_view::npos) {
    return bad_url(text, "must not have a query or a fragment");
  }
  std::string_view authority = rest.substr(0, rest.find('/'));
  url.base_path = rest.substr(authority.size());
  while (url.base_path.ends_with('/')) url.base_path.pop_back();
  if (authority.find('@') != std::string_view::npos) {
    return bad_url(text, "must not hold a user name or a password");
  }

  if (!take_host(authority, url)) return bad_url(text, "needs a host name or an address");
  url.port = default_port(url.transport);
  if (authority.empty()) return url;
  if (!authority.starts_with(':')) return bad_url(text, "has something odd after the host");
  authority.remove_prefix(1);
  const auto [end, fault] =
      std::from_chars(authority.data(), authority.data() + authority.size(), url.port);
  if (fault != std::errc() || end != authority.data() + authority.size() || url.port == 0) {
    return bad_url(text, "the port must be a number from 1 to 65535");
  }
  return url;
}

}  // namespace sealwright::net
