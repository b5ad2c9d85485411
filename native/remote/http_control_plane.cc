#include "remote/http_control_plane.h"

#include <algorithm>
#include <limits>
#include <thread>

#include "remote/endpoints.h"
#include "remote/pause.h"
#include "remote/uuid7.h"
#include "remote/wire.h"

namespace sealwright::remote {
namespace {

using std::chrono::milliseconds;

constexpr std::size_t kCatalogueLimit = 64U << 20U;  // octets
constexpr std::size_t kAnswerLimit = 1U << 20U;
constexpr unsigned kWithoutLimit = std::numeric_limits<unsigned>::max();
constexpr const char* kMalformedName = "a signer's name is malformed";
constexpr milliseconds kFirstPause{50};
constexpr milliseconds kLongestPause{2'000};
constexpr milliseconds kRefresh{1'000};

bool is_worth_a_retry(unsigned status) {
  return status == 429 || status == 502 || status == 503 || status == 504;
}

// 50 ms, 100 ms, … 2 s, with jitter.
milliseconds pause_after(unsigned round) {
  return with_jitter(std::min(kFirstPause * (1U << std::min(round, 6U)), kLongestPause));
}

// Plain HTTP where TLS is spoken.
bool is_misdirected(const net::Response& response) {
  return response.status == 400 && parse_problem(response.body).code == "tls_expected";
}

std::string said(const Problem& problem, unsigned status) {
  if (!problem.title.empty()) return problem.title;
  return "the control plane answered " + std::to_string(status) + " without a reason";
}

Error with_old_list(Error error) {
  error.list_is_old = true;
  return error;
}

std::string with_remedy(std::string reason, const std::string& code) {
  const char* remedy = nullptr;
  if (code == "identity_disabled") remedy = "an admin can undo that: sealwright identity enable";
  if (code == "api_key_revoked" || code == "api_key_unknown" || code == "api_key_expired") {
    remedy = "an admin gives out a new one: sealwright identity key add";
  }
  if (remedy == nullptr) return reason;
  if (reason.ends_with('.')) reason.pop_back();
  return reason + "; " + remedy + " NAME";
}

Error refusal(unsigned status, const Problem& problem) {
  const std::string reason = said(problem, status);
  switch (status) {
    case 401:
      return Error::tell(CKR_USER_NOT_LOGGED_IN, with_remedy(reason, problem.code));
    case 403:
      return Error::tell(CKR_FUNCTION_REJECTED, reason);
    case 404:
      return with_old_list(Error::tell(CKR_DEVICE_REMOVED, reason));
    case 409:
      if (problem.code == "certificate_changed") {
        return with_old_list(Error::tell(
            CKR_FUNCTION_REJECTED, "the signer's certificate has changed; start the tool again"));
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

tl::unexpected<Refusal> refused(const net::Response& response) {
  Problem problem = parse_problem(response.body);
  Error error = refusal(response.status, problem);
  return tl::unexpected<Refusal>(Refusal{std::move(error), response.status, std::move(problem.code),
                                         std::move(problem.request)});
}

tl::unexpected<Refusal> unanswered(Error error) {
  return tl::unexpected<Refusal>(Refusal{std::move(error), 0, "", ""});
}

// What a body says, or why it is nonsense.
template <typename T>
Reply<T> reply(Result<T> content, unsigned status) {
  if (content) return *std::move(content);
  return tl::unexpected<Refusal>(Refusal{std::move(content).error(), status, "", ""});
}

net::TlsFiles files_of(const Settings::Tls& tls) {
  return {tls.ca_file, tls.client_cert, tls.client_key, {tls.system_bundle, tls.system_folders}};
}

}  // namespace

HttpControlPlane::HttpControlPlane(const Settings& settings, const Log& log)
    : urls_(endpoints(settings)),
      request_timeout_(settings.request_timeout),
      list_timeout_(settings.list_timeout),
      wants_receipts_(!settings.receipts_folder.empty()),
      log_(log),
      pool_(files_of(settings.tls), settings.connect_timeout, net::parse_proxy(settings.proxy)) {}

const ClientContext& HttpControlPlane::client() {
  // Not in the constructor: a user's name may come over a network.
  std::call_once(described_, [this] { client_ = describe_this_process(); });
  return client_;
}

Result<net::Response> HttpControlPlane::call(const Credential& credential, net::Request& request,
                                             std::size_t body_limit, const Effort& effort) {
  request.bearer = credential.bearer();
  auto response = ask(request, body_limit, effort);
  if (!response || response->status != 401 || !credential.renew(request.bearer)) return response;
  log_.write(LogLevel::kInfo,
             credential.who() + " was refused; there is a newer one, which is used");
  request.bearer = credential.bearer();
  return ask(request, body_limit, effort);
}

Result<net::Response> HttpControlPlane::ask(const net::Request& request, std::size_t body_limit,
                                            const Effort& effort) {
  if (!urls_) return fail(Error::tell(CKR_DEVICE_ERROR, urls_.error().message));
  const auto& [rounds, deadline] = effort;
  const std::size_t count = urls_->size();
  Error last(CKR_DEVICE_ERROR, "");

  for (unsigned round = 0; round < rounds; ++round) {
    milliseconds pause = pause_after(round);
    bool lasting = true;  // every url failed as it would again
    const std::size_t first = preferred_.load();
    for (std::size_t i = 0; i < count; ++i) {
      const std::size_t index = (first + i) % count;
      const net::Url& url = (*urls_)[index];
      // A server that stalls must leave time for those after it.
      const Deadline share = deadline.within(deadline.left() / static_cast<long>(count - i));
      auto response = pool_.exchange(url, request, body_limit, share);
      if (response && is_misdirected(*response)) {
        response = net::lasting_fault("this port speaks TLS: write https:// in the url");
      }
      if (response && !is_worth_a_retry(response->status)) {
        preferred_.store(index);
        return response;
      }
      lasting = lasting && !response && net::is_lasting(response.error());
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
    if (lasting || pause >= deadline.left() || round + 1 == rounds) break;
    std::this_thread::sleep_for(pause);
  }
  return fail(last);
}

Result<std::unique_ptr<Catalogue>> HttpControlPlane::fetch_catalogue(
    const Credential& credential, const std::optional<std::string>& held) {
  net::Request request;
  request.method = "GET";
  request.path = "/v1/catalogue";
  request.if_none_match = held.value_or("");
  const Effort effort = held ? Effort{1, Deadline::after(kRefresh)}
                             : Effort{kWithoutLimit, Deadline::after(list_timeout_)};
  Result<net::Response> response = call(credential, request, kCatalogueLimit, effort);
  if (!response) return fail(response.error());
  if (response->status == 304 && !request.if_none_match.empty()) return nullptr;
  if (response->status == 404) {
    return fail(Error::tell(CKR_DEVICE_ERROR,
                            "no control plane answers there (404); check the url and its path"));
  }
  if (response->status != 200) {
    return fail(refusal(response->status, parse_problem(response->body)));
  }
  return parse_catalogue(response->body, std::move(response->etag));
}

Reply<Signed> HttpControlPlane::sign(const Credential& credential, const std::string& signer,
                                     const std::string& certificate_serial,
                                     const crypto::DigestToSign& what) {
  if (!is_signer_name(signer)) return unanswered({CKR_ARGUMENTS_BAD, kMalformedName});
  Result<std::string> key = make_uuid7();
  if (!key) return unanswered(key.error());
  net::Request request;
  request.method = "POST";
  request.path = "/v1/signers/" + signer + "/sign";
  request.idempotency_key = std::move(*key);
  const Effort effort{kWithoutLimit, request_deadline()};
  request.body = write_sign_body(certificate_serial, what, client(), wants_receipts_);
  Result<net::Response> response = call(credential, request, kAnswerLimit, effort);
  if (wants_receipts_ && response && response->status == 400) {
    // A control plane that knows of no receipts takes the member for a mistake.
    request.body = write_sign_body(certificate_serial, what, client(), false);
    response = call(credential, request, kAnswerLimit, effort);
  }
  if (!response) return unanswered(response.error());
  if (response->status != 200) return refused(*response);
  return reply(parse_signed(response->body), response->status);
}

Reply<ApprovalRequest> HttpControlPlane::open_request(const Credential& credential,
                                                      const std::string& signer,
                                                      const Settings::Approval& terms) {
  if (!is_signer_name(signer)) return unanswered({CKR_ARGUMENTS_BAD, kMalformedName});
  net::Request request;
  request.method = "POST";
  request.path = "/v1/signers/" + signer + "/requests";
  request.body = write_approval_request(terms, client());
  // Sent twice it is still one request, as an equal one that is pending is the answer; where it is
  // approved at once, one more grant for the same caller does no harm.
  const Result<net::Response> response =
      call(credential, request, kAnswerLimit, {kWithoutLimit, request_deadline()});
  if (!response) return unanswered(response.error());
  if (response->status != 200 && response->status != 201) return refused(*response);
  return reply(parse_approval_request(response->body), response->status);
}

Reply<ApprovalRequest> HttpControlPlane::read_request(const Credential& credential,
                                                      const std::string& id,
                                                      const std::atomic<bool>& called_off) {
  if (!is_record_id(id)) return unanswered({CKR_ARGUMENTS_BAD, "a request's id is malformed"});
  net::Request request;
  request.method = "GET";
  request.path = "/v1/requests/" + id;
  const Result<net::Response> response =
      call(credential, request, kAnswerLimit, {1, request_deadline().unless(called_off)});
  if (!response) return unanswered(response.error());
  if (response->status != 200) return refused(*response);
  Result<ApprovalRequest> content = parse_approval_request(response->body);
  if (content && content->id != id) {
    content = fail(Error::tell(CKR_DEVICE_ERROR,
                               "the control plane answers nonsense: it speaks of another request"));
  }
  return reply(std::move(content), response->status);
}

void HttpControlPlane::abandon_after_fork() noexcept { pool_.abandon_after_fork(); }

}  // namespace sealwright::remote
