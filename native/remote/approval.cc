#include "remote/approval.h"

#include <algorithm>
#include <array>
#include <optional>
#include <thread>
#include <utility>

#include "remote/pause.h"

namespace sealwright::remote {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kFirstPause{250};
constexpr milliseconds kLongestPause{5'000};

milliseconds longer(milliseconds pause) { return std::min(pause * 3 / 2, kLongestPause); }

// Ends early with the deadline. Short sleeps and no condition variable: nothing that a fork could
// leave locked.
void rest(milliseconds span, const Deadline& deadline) {
  const Deadline end = deadline.within(with_jitter(span));
  while (!end.passed()) std::this_thread::sleep_for(end.until_next_look());
}

// "10m", "1d12h", "9m58s": the largest unit, and the next one for what is over.
std::string spell(milliseconds span) {
  if (span < std::chrono::seconds(1)) return std::to_string(span.count()) + "ms";
  constexpr std::array<std::pair<char, std::int64_t>, 4> kUnits{
      {{'d', 86'400}, {'h', 3'600}, {'m', 60}, {'s', 1}}};
  const std::int64_t seconds = std::chrono::ceil<std::chrono::seconds>(span).count();
  const auto* const largest = std::find_if(
      kUnits.begin(), kUnits.end(), [seconds](const auto& unit) { return unit.second <= seconds; });
  std::string text = std::to_string(seconds / largest->second) + largest->first;
  const auto* const next = largest + 1;
  if (next == kUnits.end()) return text;
  const std::int64_t over = seconds % largest->second / next->second;
  return over == 0 ? text : text + std::to_string(over) + next->first;
}

std::string line(const std::string& signer, const std::string& what, const std::string& request) {
  const std::string text = "signer \"" + signer + "\": " + what;
  return request.empty() ? text : text + " [request " + request + "]";
}

std::string then(std::string first, const std::string& second) {
  if (second.empty()) return first;
  if (!first.ends_with('.')) first += '.';
  return first + " " + second;
}

// "carol rejected the request", or who it was that is not known.
std::string ended(const ApprovalRequest& request, const std::string& how) {
  if (request.ended_by.empty()) return "the request was " + how;
  return request.ended_by + " " + how + " the request";
}

// Of a call about a request: whatever can never succeed is a rejection of the signature.
CK_RV as_rejection(CK_RV rv) {
  return rv == CKR_USER_NOT_LOGGED_IN || rv == CKR_DEVICE_ERROR ? rv : CKR_FUNCTION_REJECTED;
}

}  // namespace

Error for_person(const std::string& signer, const Refusal& refusal) {
  Error error = refusal.error;
  if (refusal.is_answer()) error.message = line(signer, error.message, refusal.request);
  return error;
}

Approval::Approval(const Means& means, const Credential& credential, const std::string& signer)
    : means_(means),
      credential_(credential),
      signer_(signer),
      until_(Deadline::after(means.settings.wait).unless(means.stopped)),
      pause_(kFirstPause) {}

bool Approval::waits() const { return means_.settings.wait > milliseconds::zero(); }

tl::unexpected<Error> Approval::end(CK_RV rv, const std::string& what,
                                    const std::string& request) const {
  return fail(Error::tell(rv, line(signer_, what, request)));
}

tl::unexpected<Error> Approval::stopped(const std::string& request) const {
  return end(CKR_FUNCTION_CANCELED, "the wait for approval ended with C_Finalize", request);
}

Result<void> Approval::obtain(const Refusal& denial) {
  if (rounds_++ > 0) {
    if (auto begun = begin_round(denial); !begun) return begun;
  }
  if (!denial.request.empty()) {
    if (!waits()) return fail(for_person(signer_, denial));
    return await(denial.request, denial.error.message);
  }
  if (!means_.settings.request) return fail(for_person(signer_, denial));

  const auto opened = means_.plane.open_request(credential_, signer_, means_.settings);
  if (!opened) {
    const Error& why = opened.error().error;
    return end(as_rejection(why.rv),
               then(denial.error.message, "Asking for approval failed: " + why.message), "");
  }
  if (opened->state == RequestState::kPending && waits()) {
    return await(opened->id, opened->missing);
  }
  return judge(*opened);
}

// Denied again although approved: others were quicker.
Result<void> Approval::begin_round(const Refusal& denial) {
  if (!waits()) return fail(for_person(signer_, denial));
  rest(pause_, until_);
  pause_ = longer(pause_);
  if (!until_.passed()) return {};
  if (means_.stopped) return stopped(denial.request);
  return end(CKR_FUNCTION_CANCELED,
             "no grant within " + spell(means_.settings.wait) + ": " + denial.error.message,
             denial.request);
}

Result<void> Approval::await(const std::string& id, std::string missing) {
  if (!until_.passed()) {
    const std::string span = spell(until_.left());
    means_.log.tell(line(signer_, then("waiting up to " + span + " for approval", missing), id));
  }
  std::optional<Error> fault;  // of the last look
  for (milliseconds pause = kFirstPause; !until_.passed(); pause = longer(pause)) {
    rest(pause, until_);
    if (means_.stopped) break;
    const auto request = means_.plane.read_request(credential_, id, means_.stopped);
    if (request) {
      if (request->state != RequestState::kPending) return judge(*request);
      fault.reset();
      missing = request->missing;
      continue;
    }
    fault = request.error().error;
    if (!request.error().is_passing()) return end(as_rejection(fault->rv), fault->message, id);
    means_.log.write(LogLevel::kDebug, line(signer_, fault->message, id));
  }
  if (means_.stopped) return stopped(id);
  const std::string vain = "no approval within " + spell(means_.settings.wait);
  if (fault) return end(CKR_DEVICE_ERROR, vain + "; " + fault->message, id);
  return end(CKR_FUNCTION_CANCELED, then(vain + "; the request stays open", missing), id);
}

Result<void> Approval::judge(const ApprovalRequest& request) const {
  switch (request.state) {
    case RequestState::kApproved:
      means_.log.write(LogLevel::kInfo, line(signer_, "approved", request.id));
      return {};
    case RequestState::kPending:
      return end(CKR_FUNCTION_REJECTED,
                 then("no open grant, so approval has been asked for", request.missing),
                 request.id);
    case RequestState::kRejected: {
      const std::string what = ended(request, "rejected");
      return end(CKR_FUNCTION_REJECTED,
                 request.comment.empty() ? what : what + ": " + request.comment, request.id);
    }
    case RequestState::kCancelled:
      return end(CKR_FUNCTION_REJECTED, ended(request, "cancelled"), request.id);
    case RequestState::kExpired:
      break;
  }
  return end(CKR_FUNCTION_REJECTED, "the request expired before it was approved", request.id);
}

}  // namespace sealwright::remote
