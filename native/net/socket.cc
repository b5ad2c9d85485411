#include "net/socket.h"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>
#include <system_error>

#include "base/descriptor.h"
#include "base/openssl.h"

namespace sealwright::net {
namespace {

tl::unexpected<Error> system_failure(int code) {
  return fail(CKR_DEVICE_ERROR, std::generic_category().message(code));
}

bool would_block(int code) { return code == EAGAIN || code == EWOULDBLOCK; }

struct FreeAddresses {
  void operator()(addrinfo* list) const { ::freeaddrinfo(list); }
};
using Addresses = std::unique_ptr<addrinfo, FreeAddresses>;

Result<Addresses> resolve(const Url& url) {
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
  return Addresses(list);
}

}  // namespace

Socket::Socket(int fd, OpenDescriptors& open) : fd_(fd), open_(open) {
  struct stat facts {};
  if (::fstat(fd_, &facts) == 0) inode_ = facts.st_ino;
  open_.add(fd_);
}

Socket::~Socket() {
  open_.remove(fd_);
  if (is_ours()) ::close(fd_);
}

// A host may close every descriptor that it does not know, and then open its own under our number.
bool Socket::is_ours() const {
  struct stat facts {};
  return ::fstat(fd_, &facts) == 0 && S_ISSOCK(facts.st_mode) && facts.st_ino == inode_;
}

Result<std::unique_ptr<Socket>> Socket::connect_address(int family, const sockaddr* address,
                                                        socklen_t length, OpenDescriptors& open,
                                                        const Deadline& deadline) {
  const int fd = clear_of_standard(::socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (fd < 0) return system_failure(errno);
  // NOLINTNEXTLINE(cppcoreguidelines-owning-memory): the constructor is private
  std::unique_ptr<Socket> socket(new Socket(fd, open));
  if (family != AF_UNIX) {
    const int on = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  }
  if (::connect(fd, address, length) == 0) return socket;
  if (errno != EINPROGRESS && errno != EINTR) return system_failure(errno);
  if (auto ready = socket->wait_for(POLLOUT, deadline); !ready) return fail(ready.error());
  int fault = 0;
  socklen_t size = sizeof(fault);
  ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &fault, &size);
  if (fault != 0) return system_failure(fault);
  return socket;
}

Result<std::unique_ptr<Socket>> Socket::connect(const Url& url, OpenDescriptors& open,
                                                const Deadline& deadline) {
  if (url.transport == Transport::kUnix) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    url.socket_path.copy(address.sun_path, sizeof(address.sun_path) - 1);
    return connect_address(AF_UNIX, reinterpret_cast<const sockaddr*>(&address), sizeof(address),
                           open, deadline);
  }
  const Result<Addresses> addresses = resolve(url);
  if (!addresses) return fail(addresses.error());

  int left = 0;
  for (const addrinfo* a = addresses->get(); a != nullptr; a = a->ai_next) ++left;
  Result<std::unique_ptr<Socket>> last = fail(CKR_DEVICE_ERROR, "the host has no address");
  for (const addrinfo* a = addresses->get(); a != nullptr; a = a->ai_next, --left) {
    // An address that swallows packets must leave time for the next one.
    const Deadline share = deadline.within(deadline.left() / left);
    last = connect_address(a->ai_family, a->ai_addr, a->ai_addrlen, open, share);
    if (last || deadline.passed()) break;
  }
  return last;
}

Result<void> Socket::wait_for(short events, const Deadline& deadline) {
  while (true) {
    pollfd poll{fd_, events, 0};
    const auto span =
        std::min<std::chrono::milliseconds::rep>(deadline.until_next_look().count(), INT_MAX);
    const int ready = ::poll(&poll, 1, static_cast<int>(span));
    if (ready > 0) return {};
    if (ready < 0 && errno != EINTR) return system_failure(errno);
    if (deadline.passed()) return fail(CKR_DEVICE_ERROR, "no answer in time");
  }
}

Result<std::size_t> Socket::read(std::span<std::uint8_t> into, const Deadline& deadline) {
  while (true) {
    // Looked at even when octets keep coming: a server that drips them must not hold the caller.
    if (deadline.passed()) return fail(CKR_DEVICE_ERROR, "no answer in time");
    const ssize_t size = ::recv(fd_, into.data(), into.size(), 0);
    if (size >= 0) return static_cast<std::size_t>(size);
    if (errno == EINTR) continue;
    if (!would_block(errno)) return system_failure(errno);
    if (auto ready = wait_for(POLLIN, deadline); !ready) return fail(ready.error());
  }
}

Result<void> Socket::write(ByteView data, const Deadline& deadline) {
  while (!data.empty()) {
    if (deadline.passed()) return fail(CKR_DEVICE_ERROR, "no answer in time");
    const ssize_t size = ::send(fd_, data.data(), data.size(), MSG_NOSIGNAL);
    if (size >= 0) {
      data = data.subspan(static_cast<std::size_t>(size));
      continue;
    }
    if (errno == EINTR) continue;
    if (!would_block(errno)) return system_failure(errno);
    if (auto ready = wait_for(POLLOUT, deadline); !ready) return fail(ready.error());
  }
  return {};
}

Socket::Pending Socket::read_pending(std::span<std::uint8_t> into, std::size_t& size) {
  if (!is_ours()) return Pending::kEnd;
  while (true) {
    const ssize_t got = ::recv(fd_, into.data(), into.size(), MSG_DONTWAIT);
    if (got > 0) {
      size = static_cast<std::size_t>(got);
      return Pending::kOctets;
    }
    if (got < 0 && errno == EINTR) continue;
    return got < 0 && would_block(errno) ? Pending::kNothing : Pending::kEnd;
  }
}

bool Socket::is_usable() {
  std::uint8_t unasked = 0;
  std::size_t size = 0;
  return read_pending({&unasked, 1}, size) == Pending::kNothing;
}

}  // namespace sealwright::net
