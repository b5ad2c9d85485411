// TCP and unix stream sockets: non-blocking, with deadlines, and without SIGPIPE for the host.
#pragma once

#include <sys/socket.h>

#include <memory>

#include "net/open_descriptors.h"
#include "net/stream.h"
#include "net/url.h"

namespace sealwright::net {

class Socket final : public Stream {
 public:
  // Every address of the host is tried in the order of the resolver until one answers. Resolving
  // itself is bounded by the system's resolver, not by `deadline`.
  static Result<std::unique_ptr<Socket>> connect(const Url& url, OpenDescriptors& open,
                                                 const Deadline& deadline);
  ~Socket() override;
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;

  Result<std::size_t> read(std::span<std::uint8_t> into, const Deadline& deadline) override;
  Result<void> write(ByteView data, const Deadline& deadline) override;
  bool is_usable() override;

  enum class Pending { kNothing, kOctets, kEnd };
  // What has arrived already; with kOctets, `into` holds `size` of them.
  Pending read_pending(std::span<std::uint8_t> into, std::size_t& size);

 private:
  Socket(int fd, OpenDescriptors& open);
  static Result<std::unique_ptr<Socket>> connect_address(int family, const sockaddr* address,
                                                         socklen_t length, OpenDescriptors& open,
                                                         const Deadline& deadline);
  Result<void> wait_for(short events, const Deadline& deadline);
  [[nodiscard]] bool is_ours() const;

  int fd_;
  ino_t inode_ = 0;
  OpenDescriptors& open_;
};

}  // namespace sealwright::net
