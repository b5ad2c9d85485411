// A loopback server that answers by script: each connection, and each request on it, gets the next
// answer in line, octet by octet as written, misbehaviour included. Or by a function of the
// request.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace sealwright::testing {

struct Answer {
  std::string octets;
  bool close_after = false;   // end the connection once written
  bool close_unread = false;  // end it without reading the request
  bool stall = false;         // read the request, then stay silent until the server stops
  bool at_once = false;       // answer the first octets, whatever they are
};

inline Answer json_answer(int status, const std::string& body, const std::string& fields = "") {
  return {"HTTP/1.1 " + std::to_string(status) + " X\r\nContent-Type: application/json\r\n" +
          fields + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body};
}

class ScriptedServer {
 public:
  // Called for each request, by several threads at once where there are several connections.
  using Respond = std::function<Answer(const std::string& request)>;

  explicit ScriptedServer(Respond respond) : ScriptedServer(std::vector<Answer>{}) {
    const std::lock_guard lock(mutex_);
    respond_ = std::move(respond);
  }
  explicit ScriptedServer(std::vector<Answer> script, const std::string& socket_path = "")
      : script_(script.begin(), script.end()) {
    if (socket_path.empty()) {
      listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
      sockaddr_in address{};
      address.sin_family = AF_INET;
      address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
      ::bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof(address));
      socklen_t size = sizeof(address);
      ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
      url_ = "http://127.0.0.1:" + std::to_string(ntohs(address.sin_port));
    } else {
      listener_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
      sockaddr_un address{};
      address.sun_family = AF_UNIX;
      socket_path.copy(address.sun_path, sizeof(address.sun_path) - 1);
      ::bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof(address));
      url_ = "unix:" + socket_path;
    }
    ::listen(listener_, 64);
    acceptor_ = std::thread([this] { accept_all(); });
  }

  ~ScriptedServer() { stop(); }
  ScriptedServer(const ScriptedServer&) = delete;
  ScriptedServer& operator=(const ScriptedServer&) = delete;

  // Ends every connection and listens no longer.
  void stop() {
    if (stopped_.exchange(true)) return;
    ::shutdown(listener_, SHUT_RDWR);
    acceptor_.join();
    ::close(listener_);
    {
      const std::lock_guard lock(mutex_);
      for (const int fd : open_) ::shutdown(fd, SHUT_RDWR);
    }
    for (std::thread& thread : threads_) thread.join();
  }

  // Ends the connections that are idle now, as a server does that restarts.
  void drop_connections() {
    std::unique_lock lock(mutex_);
    for (const int fd : open_) ::shutdown(fd, SHUT_RDWR);
    closed_.wait(lock, [this] { return open_.empty(); });
  }

  // Returns once this many requests have come.
  void await_requests(std::size_t count) {
    std::unique_lock lock(mutex_);
    came_.wait(lock, [&] { return requests_.size() >= count; });
  }

  [[nodiscard]] const std::string& url() const { return url_; }
  [[nodiscard]] int connections() const { return connections_; }
  [[nodiscard]] std::vector<std::string> requests() {
    const std::lock_guard lock(mutex_);
    return requests_;
  }

 private:
  void accept_all() {
    while (true) {
      const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      if (fd < 0) return;
      ++connections_;
      {
        const std::lock_guard lock(mutex_);
        open_.push_back(fd);
      }
      threads_.emplace_back([this, fd] {
        serve(fd);
        const std::lock_guard lock(mutex_);
        std::erase(open_, fd);
        ::close(fd);
        closed_.notify_all();
      });
    }
  }

  Respond respond() {
    const std::lock_guard lock(mutex_);
    return respond_;
  }

  bool next_answer(Answer& answer) {
    const std::lock_guard lock(mutex_);
    if (script_.empty()) return respond_ != nullptr;
    answer = script_.front();
    if (script_.size() > 1) script_.pop_front();  // the last one is given for ever
    return true;
  }

  static std::size_t body_length(const std::string& head) {
    const std::size_t at = head.find("Content-Length: ");
    return at == std::string::npos ? 0 : std::stoul(head.substr(at + 16));
  }

  // One request; empty at the end of the connection.
  static std::string read_request(int fd) {
    std::string text;
    char octet = 0;
    while (text.find("\r\n\r\n") == std::string::npos) {
      if (::recv(fd, &octet, 1, 0) != 1) return "";
      text.push_back(octet);
    }
    for (std::size_t left = body_length(text); left > 0; --left) {
      if (::recv(fd, &octet, 1, 0) != 1) return "";
      text.push_back(octet);
    }
    return text;
  }

  void serve(int fd) {
    while (true) {
      char peek = 0;
      if (::recv(fd, &peek, 1, MSG_PEEK) != 1) return;
      Answer answer;
      if (!next_answer(answer) || answer.close_unread) return;
      const std::string request = answer.at_once ? std::string(1, peek) : read_request(fd);
      if (request.empty()) return;
      {
        const std::lock_guard lock(mutex_);
        requests_.push_back(request);
        came_.notify_all();
      }
      if (const Respond respond = this->respond()) answer = respond(request);
      if (answer.stall) {
        ::recv(fd, &peek, 1, 0);  // until the connection ends
        return;
      }
      ::send(fd, answer.octets.data(), answer.octets.size(), MSG_NOSIGNAL);
      if (answer.close_after) return;
    }
  }

  int listener_ = -1;
  std::string url_;
  std::atomic<int> connections_{0};
  std::atomic<bool> stopped_{false};
  std::thread acceptor_;
  std::vector<std::thread> threads_;
  std::mutex mutex_;  // of what follows
  std::condition_variable closed_;
  std::condition_variable came_;
  Respond respond_;
  std::deque<Answer> script_;
  std::vector<std::string> requests_;
  std::vector<int> open_;
};

}  // namespace sealwright::testing
