// TCP and unix stream sockets: non-blocking, with deadlines, and without SIGPIPE for the host.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "net/addresses.h"
#include "net/open_descriptors.h"
#include "net/stream.h"

namespace sealwright::net {

class Socket final : public Stream {
 public:
  // One address after the other until one answers; each but the last has a quarter of the time that
  // is left at most. A unix socket whose queue is full is waited for.
  static Result<std::unique_ptr<Socket>> connect(std::span<const Address> addresses,
                                                 OpenDescriptors& open, const Deadline& deadline);
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
  static Result<std::unique_ptr<Socket>> connect_one(const Address& address, OpenDescriptors& open,
                                                     const Deadline& deadline);
  Result<void> connect_network(const Address& address, const Deadline& deadline);
  Result<void> connect_unix(const Address& address, const Deadline& deadline);
  Result<void> wait_for(short events, const Deadline& deadline);
  [[nodiscard]] bool is_ours() const;

  int fd_;
  ino_t inode_ = 0;
  OpenDescriptors& open_;
};

}  // namespace sealwright::net
