#include "net/connection_pool.h"

#include <algorithm>
#include <utility>

#include "net/reentry.h"

namespace sealwright::net {
namespace {

constexpr std::chrono::seconds kIdleLimit{30};  // the server keeps its side for longer
constexpr std::size_t kIdleRoom = 64;

}  // namespace

ConnectionPool::ConnectionPool(TlsFiles files, std::chrono::milliseconds connect_timeout,
                               Result<Proxy> proxy)
    : files_(std::move(files)), connect_timeout_(connect_timeout), proxy_(std::move(proxy)) {}

std::unique_ptr<Stream> ConnectionPool::take_idle(const std::string& origin) {
  while (true) {
    std::vector<Idle> expired;  // closed after the lock is gone
    std::unique_ptr<Stream> stream;
    {
      const std::lock_guard lock(mutex_);
      const auto limit = Deadline::Clock::now() - kIdleLimit;
      const auto old = std::stable_partition(idle_.begin(), idle_.end(),
                                             [&](const Idle& idle) { return idle.since > limit; });
      std::move(old, idle_.end(), std::back_inserter(expired));
      idle_.erase(old, idle_.end());
      // The newest: what is not needed under today's load may expire.
      const auto match = std::find_if(idle_.rbegin(), idle_.rend(),
                                      [&](const Idle& idle) { return idle.origin == origin; });
      if (match == idle_.rend()) return nullptr;
      stream = std::move(match->stream);
      idle_.erase(std::next(match).base());
    }
    if (stream->is_usable()) return stream;
  }
}

void ConnectionPool::keep(const std::string& origin, std::unique_ptr<Stream> stream) {
  const std::lock_guard lock(mutex_);
  if (idle_.size() < kIdleRoom) {
    idle_.push_back({origin, std::move(stream), Deadline::Clock::now()});
  }
}

void ConnectionPool::forget(const std::string& origin) {
  std::vector<Idle> forgotten;  // closed after the lock is gone
  const std::lock_guard lock(mutex_);
  const auto others = std::stable_partition(
      idle_.begin(), idle_.end(), [&](const Idle& idle) { return idle.origin != origin; });
  std::move(others, idle_.end(), std::back_inserter(forgotten));
  idle_.erase(others, idle_.end());
}

Result<std::shared_ptr<const TlsContext>> ConnectionPool::tls() {
  {
    const std::lock_guard lock(mutex_);
    if (tls_) return tls_;
  }
  auto loaded = TlsContext::load(files_);  // reads files: not under the lock
  if (!loaded) return loaded;
  const std::lock_guard lock(mutex_);
  if (!tls_) tls_ = *loaded;
  return tls_;
}

Result<std::unique_ptr<Stream>> ConnectionPool::connect(const Url& url, const Deadline& deadline) {
  std::shared_ptr<const TlsContext> context;
  if (url.transport == Transport::kTls) {
    auto made = tls();  // first: a wrong file is worth saying though the server be down
    if (!made) return fail(made.error());
    context = *std::move(made);
    if (!proxy_ && !url.is_local()) return lasting_fault(proxy_.error().message);
  }
  const bool tunnelled = proxy_ && proxy_->serves(url);
  const auto failed = [&](Error fault) {
    if (tunnelled) fault.message.insert(0, "proxy " + proxy_->url().origin() + ": ");
    return fail(std::move(fault));
  };
  const auto addresses = resolve(tunnelled ? proxy_->url() : url);
  if (!addresses) return failed(addresses.error());
  // From here on: a slow resolver is no fault of the server's.
  const Deadline phase = deadline.within(connect_timeout_);
  auto socket = Socket::connect(*addresses, open_, phase);
  if (!socket) return failed(socket.error());
  if (tunnelled) {
    if (auto open = open_tunnel(**socket, *proxy_, url, phase); !open) return failed(open.error());
  }
  if (context == nullptr) return std::unique_ptr<Stream>(std::move(*socket));
  return context->secure(std::move(*socket), url.host, phase);
}

Result<Response> ConnectionPool::exchange(const Url& url, const Request& request,
                                          std::size_t body_limit, const Deadline& deadline) {
  const NetworkCall call;
  const std::string origin = url.origin();
  Exchange what{request, url.authority(), url.base_path, body_limit};
  while (true) {
    std::unique_ptr<Stream> stream = take_idle(origin);
    const bool kept = stream != nullptr;
    if (!kept) {
      auto fresh = connect(url, deadline);
      if (!fresh) return fail(fresh.error());
      stream = std::move(*fresh);
    }
    // A router that forgot a kept connection swallows what is sent on it.
    const Deadline patience = kept ? deadline.within(deadline.left() / 4) : deadline;
    what.first_octet = patience;
    bool answer_began = false;
    auto response = net::exchange(*stream, what, deadline, answer_began);
    // Closed by the server while the request was on its way: not this request's fault.
    if (!response && kept && !answer_began && !deadline.passed()) {
      if (patience.passed()) forget(origin);  // the others went the same way
      continue;
    }
    if (response && response->keep_alive) keep(origin, std::move(stream));
    return response;
  }
}

}  // namespace sealwright::net
