#include "remote/http_signing_service.h"

#include <algorithm>
#include <limits>
#include <random>
#include <thread>

#include "remote/endpoints.h"
#include "remote/uuid7.h"
#include "remote/wire.h"

namespace sealwright::remote {
namespace {

using std::chrono::milliseconds;

constexpr std::size_t kCatalogueLimit = 64U << 20U;  // octets
constexpr std::size_t kAnswerLimit = 1U << 20U;
constexpr unsigned kCatalogueRounds = 3;
constexpr unsigned kWithoutLimit = std::numeric_limits<unsigned>::max();
constexpr milliseconds kFirstPause{50};
constexpr milliseconds kLongestPause{2'000};

bool is_worth_a_retry(unsigned status) {
  return status == 429 || status == 502 || status == 503 || status == 504;
}

// 50 ms, 100 ms, … 2 s, each less up to a half, so that many callers do not come back at once.
milliseconds pause_after(unsigned round) {
  const auto span = std::min(kFirstPause * (1U << std::min(round, 6U)), kLongestPause);
  const auto half = static_cast<unsigned>(span.count() / 2);
  std::random_device random;
  return span - milliseconds(random() % (half + 1));
}

std::string said(const Problem& problem, unsigned status) {
  if (!problem.title.empty()) return problem.title;
  return "the control plane answered " + std::to_string(status) + " without a reason";
}

Error refusal(unsigned status, const Problem& problem) {
  const std::string reason = said(problem, status);
  switch (status) {
    case 401:
      return Error::tell(CKR_USER_NOT_LOGGED_IN, reason);
    case 403:
      return Error::tell(
          CKR_FUNCTION_REJECTED,
          problem.request.empty() ? reason : reason + " [request " + problem.request + "]");
    case 404:
      return Error::tell(CKR_DEVICE_REMOVED, reason);
    case 409:
      if (problem.code == "certificate_changed") {
        return Error::tell(CKR_FUNCTION_REJECTED,
                           "the signer's certificate has changed; start the tool again");
      }
      return Error::tell(CKR_FUNCTION_FAILED, reason);
    case 400:
    case 413:
      return Error::tell(CKR_FUNCTION_FAILED, reason);
    default:
      break;
  }
  if (status >= 300 && status < 400) {
    return Error::tell(CKR_DEVICE_ERROR, "the control plane answered " + std::to_string(status) +
                                             "; redirects are never followed: check the url");
  }
  return Error::tell(CKR_DEVICE_ERROR, reason);
}

Error refusal_of(const std::string& signer, const net::Response& response) {
  Error error = refusal(response.status, parse_problem(response.body));
  error.message = "signer \"" + signer + "\": " + error.message;
  return error;
}

net::TlsFiles files_of(const Settings::Tls& tls) {
  return {tls.ca_file, tls.client_cert, tls.client_key};
}

}  // namespace

HttpSigningService::HttpSigningService(const Settings& settings, const Log& log)
    : urls_(endpoints(settings)),
      timeout_(settings.request_timeout),
      log_(log),
      pool_(files_of(settings.tls), settings.connect_timeout) {}

const ClientContext& HttpSigningService::client() {
  // Not in the constructor: a user's name may come over a network.
  std::call_once(described_, [this] { client_ = describe_this_process(); });
  return client_;
}

Result<net::Response> HttpSigningService::call(const net::Request& request, std::size_t body_limit,
                                               unsigned rounds) {
  if (!urls_) return fail(Error::tell(CKR_DEVICE_ERROR, urls_.error().message));
  const Deadline deadline = Deadline::after(timeout_);
  const std::size_t count = urls_->size();
  Error last(CKR_DEVICE_ERROR, "");

  for (unsigned round = 0; round < rounds; ++round) {
    milliseconds pause = pause_after(round);
    const std::size_t first = preferred_.load();
    for (std::size_t i = 0; i < count; ++i) {
      const std::size_t index = (first + i) % count;
      const net::Url& url = (*urls_)[index];
      // A server that stalls must leave time for those after it.
      const Deadline share = deadline.within(deadline.left() / static_cast<long>(count - i));
      auto response = pool_.exchange(url, request, body_limit, share);
      if (response && !is_worth_a_retry(response->status)) {
        preferred_.store(index);
        return response;
      }
      std::string cause;
      if (response) {
        cause = said(parse_problem(response->body), response->status);
        if (response->retry_after) pause = std::max<milliseconds>(pause, *response->retry_after);
      } else {
        cause = response.error().message;
      }
      // A last try that the deadline cut short says less than the failure before it.
      if (deadline.passed() && !last.message.empty()) continue;
      last = Error::tell(CKR_DEVICE_ERROR,
                         "control plane " + url.origin() + " is not available: " + cause);
      log_.write(LogLevel::kDebug, last.message);
    }
    if (pause >= deadline.left() || round + 1 == rounds) break;
    std::this_thread::sleep_for(pause);
  }
  return fail(last);
}

Result<std::shared_ptr<const Catalogue>> HttpSigningService::fetch_catalogue(
    const Secret& api_key, const std::string& etag) {
  net::Request request;
  request.method = "GET";
  request.path = "/v1/catalogue";
  request.bearer = api_key;
  request.if_none_match = etag;
  Result<net::Response> response = call(request, kCatalogueLimit, kCatalogueRounds);
  if (!response) return fail(response.error());
  if (response->status == 304 && !etag.empty()) return nullptr;
  if (response->status == 404) {
    return fail(Error::tell(CKR_DEVICE_ERROR,
                            "no control plane answers there (404); check the url and its path"));
  }
  if (response->status != 200) {
    return fail(refusal(response->status, parse_problem(response->body)));
  }
  return parse_catalogue(response->body, std::move(response->etag));
}

Result<Bytes> HttpSigningService::sign(const Secret& api_key, const std::string& signer,
                                       const std::string& certificate_serial,
                                       const DigestToSign& what) {
  if (!is_signer_name(signer)) return fail(CKR_ARGUMENTS_BAD, "a signer's name is malformed");
  Result<std::string> key = make_uuid7();
  if (!key) return fail(key.error());
  net::Request request;
  request.method = "POST";
  request.path = "/v1/signers/" + signer + "/sign";
  request.bearer = api_key;
  request.idempotency_key = std::move(*key);
  request.body = write_sign_body(certificate_serial, what, client());
  const Result<net::Response> response = call(request, kAnswerLimit, kWithoutLimit);
  if (!response) return fail(response.error());
  if (response->status != 200) return fail(refusal_of(signer, *response));
  return parse_signature(response->body);
}

void HttpSigningService::abandon_after_fork() noexcept { pool_.abandon_after_fork(); }

}  // namespace sealwright::remote
