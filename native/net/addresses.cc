#include "net/addresses.h"

#include <netdb.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <cstring>
#include <memory>
#include <string>

#include "base/fork.h"

namespace sealwright::net {
namespace {

struct FreeAddresses {
  void operator()(addrinfo* list) const { ::freeaddrinfo(list); }
};

Address of_socket(const std::string& path) {
  sockaddr_un named{};
  named.sun_family = AF_UNIX;
  path.copy(named.sun_path, sizeof(named.sun_path) - 1);
  Address address;
  std::memcpy(&address.octets, &named, sizeof(named));
  address.length = sizeof(named);
  return address;
}

}  // namespace

Result<std::vector<Address>> resolve(const Url& url) {
  if (url.transport == Transport::kUnix) return std::vector<Address>{of_socket(url.socket_path)};
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV;
  addrinfo* list = nullptr;
  const std::string port = std::to_string(url.port);
  const GateSection section;  // of the resolver's locks
  const int fault = ::getaddrinfo(url.node().c_str(), port.c_str(), &hints, &list);
  if (fault != 0) {
    return fail(CKR_DEVICE_ERROR, "host name not resolved: " + std::string(::gai_strerror(fault)));
  }
  const std::unique_ptr<addrinfo, FreeAddresses> owner(list);
  std::vector<Address> addresses;
  for (const addrinfo* each = list; each != nullptr; each = each->ai_next) {
    Address address;
    if (each->ai_addrlen > sizeof(address.octets)) continue;
    std::memcpy(&address.octets, each->ai_addr, each->ai_addrlen);
    address.length = each->ai_addrlen;
    addresses.push_back(address);
  }
  if (addresses.empty()) return fail(CKR_DEVICE_ERROR, "the host has no address");
  return addresses;
}

}  // namespace sealwright::net
