// Sockets in processes that fork.
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "base/openssl.h"
#include "net/socket.h"
#include "scripted_server.h"

namespace sealwright::net {
namespace {

// A port where nobody listens, for as long as this lives.
class DeafPort {
 public:
  DeafPort() {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    auto* const where = reinterpret_cast<sockaddr*>(&address);
    EXPECT_EQ(::bind(fd_, where, size), 0);
    EXPECT_EQ(::getsockname(fd_, where, &size), 0);
    url_ = "http://localhost:" + std::to_string(ntohs(address.sin_port));
  }
  ~DeafPort() { ::close(fd_); }
  DeafPort(const DeafPort&) = delete;
  DeafPort& operator=(const DeafPort&) = delete;
  [[nodiscard]] const std::string& url() const { return url_; }

 private:
  const int fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  std::string url_;
};

// The name is found; then nobody answers.
bool is_resolved(const Url& url) {
  const auto addresses = resolve(url);
  if (!addresses) return false;
  OpenDescriptors open;
  return !Socket::connect(*addresses, open, Deadline::after(std::chrono::seconds(3)));
}

// The resolver's configuration is under a lock of the C library that a fork does not look after.
TEST(Socket, AChildResolvesNamesAlthoughThreadsOfItsParentWereAtIt) {
  install_fork_gate();
  const DeafPort port;
  const Url url = *parse_url(port.url());
  const char* const wanted = std::getenv("SEALWRIGHT_FORKS");
  const int forks = wanted == nullptr ? 200 : std::atoi(wanted);
  std::atomic<bool> stop{false};
  std::atomic<int> failures{0};
  std::vector<std::thread> threads;
  threads.reserve(4);
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      while (!stop) failures += is_resolved(url) ? 0 : 1;
    });
  }
  for (int i = 0; i < forks && !HasFailure(); ++i) {
    const pid_t child = fork();
    if (child == 0) {
      alarm(5);
      _exit(is_resolved(url) ? 0 : 1);
    }
    int status = -1;
    EXPECT_EQ(waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0) << "fork " << i;
  }
  stop = true;
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(failures, 0);
}

// Listens, and lets nobody in: its queue is full.
class FullListener {
 public:
  explicit FullListener(const sockaddr* address, socklen_t size)
      : fd_(::socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    address_.length = sizeof(address_.octets);
    EXPECT_EQ(::bind(fd_, address, size), 0);
    EXPECT_EQ(::listen(fd_, 0), 0);
    auto* const where = reinterpret_cast<sockaddr*>(&address_.octets);
    EXPECT_EQ(::getsockname(fd_, where, &address_.length), 0);
    while (waiting_.size() < 8) {
      const int fd = ::socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
      waiting_.push_back(fd);
      ::connect(fd, address_.get(), address_.length);
    }
  }
  ~FullListener() {
    for (const int fd : waiting_) ::close(fd);
    ::close(fd_);
  }
  FullListener(const FullListener&) = delete;
  FullListener& operator=(const FullListener&) = delete;

  [[nodiscard]] const Address& address() const { return address_; }
  // Lets in who waits.
  void accept() const { ::close(::accept(fd_, nullptr, nullptr)); }

 private:
  int fd_;
  Address address_;
  std::vector<int> waiting_;
};

// An address of this machine, on any free port.
class FullPort : public FullListener {
 public:
  FullPort() : FullListener(any(), sizeof(sockaddr_in)) {}

 private:
  static const sockaddr* any() {
    static sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return reinterpret_cast<const sockaddr*>(&address);
  }
};

TEST(Socket, AnAddressThatSwallowsPacketsLeavesTimeForTheOthers) {
  const FullPort dead;
  sealwright::testing::ScriptedServer alive(std::vector<sealwright::testing::Answer>{});
  std::vector<Address> addresses(3, dead.address());
  addresses.push_back(resolve(*parse_url(alive.url()))->at(0));
  OpenDescriptors open;
  const auto socket =
      Socket::connect(addresses, open, Deadline::after(std::chrono::milliseconds(1'000)));
  EXPECT_TRUE(socket) << socket.error().message;
}

TEST(Socket, AnAddressWhereNobodyListensCostsNothing) {
  const DeafPort port;
  sealwright::testing::ScriptedServer alive(std::vector<sealwright::testing::Answer>{});
  const std::vector<Address> addresses{resolve(*parse_url(port.url()))->at(0),
                                       resolve(*parse_url(alive.url()))->at(0)};
  OpenDescriptors open;
  EXPECT_TRUE(Socket::connect(addresses, open, Deadline::after(std::chrono::hours(1))));
}

class UnixQueue : public ::testing::Test {
 protected:
  void SetUp() override { std::filesystem::remove(path_); }
  void TearDown() override { std::filesystem::remove(path_); }
  [[nodiscard]] std::vector<Address> addresses() const {
    return *resolve(*parse_url("unix:" + path_));
  }

  const std::string path_ =
      std::filesystem::temp_directory_path() / ("sw-queue-" + std::to_string(::getpid()));
};

TEST_F(UnixQueue, ThatIsFullIsWaitedForToTheDeadline) {
  const FullListener full(addresses()[0].get(), addresses()[0].length);
  OpenDescriptors open;
  const auto socket =
      Socket::connect(addresses(), open, Deadline::after(std::chrono::milliseconds(100)));
  ASSERT_FALSE(socket);
  EXPECT_EQ(socket.error().message, "the server takes no new connection: its queue is full");
}

TEST_F(UnixQueue, ThatWasFullLetsInOnceThereIsRoom) {
  const FullListener full(addresses()[0].get(), addresses()[0].length);
  OpenDescriptors open;
  std::thread connecting([&] {
    EXPECT_TRUE(Socket::connect(addresses(), open, Deadline::after(std::chrono::minutes(1))));
  });
  full.accept();
  full.accept();
  connecting.join();
}

TEST_F(UnixQueue, IsNotWaitedForWhereNobodyListens) {
  OpenDescriptors open;
  EXPECT_FALSE(Socket::connect(addresses(), open, Deadline::after(std::chrono::hours(1))));
}

}  // namespace
}  // namespace sealwright::net
