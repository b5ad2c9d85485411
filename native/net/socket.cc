#include "net/socket.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <climits>
#include <system_error>
#include <utility>

#include "base/descriptor.h"

namespace sealwright::net {
namespace {

using std::chrono::milliseconds;

tl::unexpected<Error> system_failure(int code) {
  return fail(CKR_DEVICE_ERROR, std::generic_category().message(code));
}

bool would_block(int code) { return code == EAGAIN || code == EWOULDBLOCK; }

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

Result<void> Socket::connect_network(const Address& address, const Deadline& deadline) {
  const int on = 1;
  ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  if (::connect(fd_, address.get(), address.length) == 0) return {};
  if (errno != EINPROGRESS && errno != EINTR) return system_failure(errno);
  if (auto ready = wait_for(POLLOUT, deadline); !ready) return ready;
  int fault = 0;
  socklen_t size = sizeof(fault);
  ::getsockopt(fd_, SOL_SOCKET, SO_ERROR, &fault, &size);
  if (fault != 0) return system_failure(fault);
  return {};
}

// poll() tells nothing of a queue that is full, so connect() itself waits, for a time.
Result<void> Socket::connect_unix(const Address& address, const Deadline& deadline) {
  const int flags = ::fcntl(fd_, F_GETFL);
  ::fcntl(fd_, F_SETFL, flags & ~O_NONBLOCK);
  while (true) {
    const auto patience = std::max(deadline.until_next_look(), milliseconds(1));  // 0: for ever
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(patience);
    const std::chrono::microseconds rest = patience - seconds;
    const timeval span{static_cast<time_t>(seconds.count()),
                       static_cast<suseconds_t>(rest.count())};
    ::setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &span, sizeof(span));
    if (::connect(fd_, address.get(), address.length) == 0) break;
    if (errno != EINTR && !would_block(errno)) return system_failure(errno);
    if (deadline.passed()) {
      return fail(CKR_DEVICE_ERROR, "the server takes no new connection: its queue is full");
    }
  }
  if (::fcntl(fd_, F_SETFL, flags) != 0) return system_failure(errno);
  return {};
}

Result<std::unique_ptr<Socket>> Socket::connect_one(const Address& address, OpenDescriptors& open,
                                                    const Deadline& deadline) {
  const int family = address.get()->sa_family;
  const int fd = clear_of_standard(::socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (fd < 0) return system_failure(errno);
  // NOLINTNEXTLINE(cppcoreguidelines-owning-memory): the constructor is private
  std::unique_ptr<Socket> socket(new Socket(fd, open));
  auto done = family == AF_UNIX ? socket->connect_unix(address, deadline)
                                : socket->connect_network(address, deadline);
  if (!done) return fail(std::move(done).error());
  return socket;
}

Result<std::unique_ptr<Socket>> Socket::connect(std::span<const Address> addresses,
                                                OpenDescriptors& open, const Deadline& deadline) {
  Result<std::unique_ptr<Socket>> last = fail(CKR_DEVICE_ERROR, "the host has no address");
  for (std::size_t left = addresses.size(); left > 0; --left) {
    // An address that swallows packets must leave time for those after it.
    const auto parts = left == 1 ? 1 : std::max<std::size_t>(left, 4);
    const Deadline share = deadline.within(deadline.left() / static_cast<long>(parts));
    last = connect_one(addresses[addresses.size() - left], open, share);
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
