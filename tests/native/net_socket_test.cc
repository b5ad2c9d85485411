// Sockets in processes that fork.
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "base/openssl.h"
#include "net/socket.h"

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
  OpenDescriptors open;
  const auto socket = Socket::connect(url, open, Deadline::after(std::chrono::seconds(3)));
  return !socket && socket.error().message.find("not resolved") == std::string::npos;
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

}  // namespace
}  // namespace sealwright::net
