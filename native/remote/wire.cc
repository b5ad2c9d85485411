#include "remote/wire.h"

#include <algorithm>
#include <boost/json.hpp>
#include <functional>
#include <limits>
#include <map>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/utf8.h"
#include "crypto/scheme.h"
#include "remote/json_object.h"

namespace sealwright::remote {
namespace {

namespace json = boost::json;

constexpr std::size_t kIdText = 64;
constexpr std::size_t kCertificate = 65'536;  // octets
constexpr std::size_t kPublicKey = 8'192;
constexpr std::size_t kSignature = 4096;
constexpr std::size_t kReceipt = 262'144;  // octets
constexpr std::size_t kChainLength = 16;
constexpr std::size_t kTitle = 2'000;
constexpr std::size_t kText = 65'536;  // what is read of a sentence before it is cut
constexpr std::size_t kSentences = 64;
constexpr std::size_t kSentence = 2'000;
constexpr std::size_t kComment = 2'000;

bool is_lower_hex(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

bool is_visible(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7f; });
}

template <typename Sorted, typename Projection = std::identity>
bool has_twice(const Sorted& values, Projection projection = {}) {
  return std::ranges::adjacent_find(values, {}, projection) != values.end();
}

Error nonsense(const std::string& what) {
  return Error::tell(CKR_DEVICE_ERROR,
                     "the control plane answers nonsense: " + what + " is missing or malformed");
}

// Reads members of one object; the first that does not fit is remembered as the fault.
class Reader {
 public:
  // Null: what should be an object is none.
  Reader(const JsonMembers* members, std::string where)
      : members_(members), where_(std::move(where)) {
    if (members_ == nullptr) fault_ = where_;
  }

  [[nodiscard]] bool ok() const { return fault_.empty(); }
  [[nodiscard]] Error error() const { return nonsense(fault_); }

  // Empty on a fault, and for null where that is allowed.
  std::string_view text(std::string_view name, std::size_t limit, bool nullable = false) {
    const JsonValue* value = find(name);
    if (value != nullptr && nullable && value->kind == Kind::kNull) return {};
    if (value == nullptr || value->kind != Kind::kText || value->text.empty() ||
        value->text.size() > limit) {
      refuse(name);
      return {};
    }
    return value->text;
  }

  // Absent counts as null, and both as empty.
  std::string_view text_if_any(std::string_view name, std::size_t limit) {
    return find(name) == nullptr ? std::string_view() : text(name, limit, true);
  }

  std::string_view hex(std::string_view name, std::size_t limit, bool nullable = false) {
    const std::string_view found = text(name, limit, nullable);
    if (!is_lower_hex(found)) refuse(name);
    return found;
  }

  Bytes octets(std::string_view name, std::size_t limit, bool nullable = false) {
    const std::string_view found = text(name, (limit + 2) / 3 * 4, nullable);
    std::optional<Bytes> decoded = from_base64(found);
    if (!decoded || decoded->size() > limit) {
      refuse(name);
      return {};
    }
    return std::move(*decoded);
  }

  std::uint32_t positive(std::string_view name) {
    const JsonValue* value = find(name);
    if (value == nullptr || value->kind != Kind::kInteger || value->integer < 1 ||
        value->integer > std::numeric_limits<std::int32_t>::max()) {
      refuse(name);
      return 0;
    }
    return static_cast<std::uint32_t>(value->integer);
  }

  std::span<const std::string_view> texts(std::string_view name, std::size_t limit) {
    const JsonValue* value = find(name);
    if (value == nullptr || value->kind != Kind::kList || !value->only_texts ||
        value->texts.size() > limit) {
      refuse(name);
      return {};
    }
    return value->texts;
  }

  void expect_list(std::string_view name) {
    const JsonValue* value = find(name);
    if (value == nullptr || value->kind != Kind::kList) refuse(name);
  }

  void refuse(std::string_view name) {
    if (fault_.empty()) fault_ = where_ + "." + std::string(name);
  }

 private:
  using Kind = JsonValue::Kind;

  [[nodiscard]] const JsonValue* find(std::string_view name) const {
    return members_ == nullptr ? nullptr : members_->find(name);
  }

  const JsonMembers* members_;
  std::string where_;
  std::string fault_;
};

std::optional<SignerStatus> status_of(std::string_view text) {
  if (text == "pending") return SignerStatus::kPending;
  if (text == "active") return SignerStatus::kActive;
  if (text == "disabled") return SignerStatus::kDisabled;
  if (text == "expired") return SignerStatus::kExpired;
  return std::nullopt;
}

using Issuers = std::map<std::string_view, std::shared_ptr<const Bytes>>;

// A signer's record but for its issuers, whose certificates may come after it.
SignerRecord read_signer(Reader& reader) {
  SignerRecord signer;
  signer.id = reader.text("id", kIdText);
  signer.number = reader.positive("number");
  signer.name = reader.text("name", kIdText);
  if (!is_signer_name(signer.name)) reader.refuse("name");
  // A newer control plane's status keeps its signer from signing, and no other.
  signer.status = status_of(reader.text("status", kIdText)).value_or(SignerStatus::kDisabled);
  signer.public_key = reader.octets("public_key", kPublicKey);
  signer.certificate = reader.octets("certificate", kCertificate, true);
  signer.certificate_serial = reader.hex("certificate_serial", kIdText, true);
  signer.not_after = reader.text("not_after", kIdText, true);
  if (!is_visible(signer.id)) reader.refuse("id");
  if (!is_visible(signer.not_after)) reader.refuse("not_after");
  if (signer.status == SignerStatus::kActive) {
    if (signer.certificate.empty()) reader.refuse("certificate");
    if (signer.certificate_serial.empty()) reader.refuse("certificate_serial");
    if (signer.not_after.empty()) reader.refuse("not_after");
  }
  return signer;
}

// The two lists of a catalogue, as they come.
class CatalogueLists {
 public:
  void read(std::string_view list, const JsonMembers* element) {
    if (fault_) return;
    if (list == "signers") {
      Reader reader(element, where(list, signers_.size()));
      signers_.push_back(read_signer(reader));
      const auto chain = reader.texts("issuers", kChainLength);
      chains_.emplace_back(chain.begin(), chain.end());
      if (!reader.ok()) fault_ = reader.error();
    } else if (list == "certificates") {
      Reader reader(element, where(list, certificates_++));
      const std::string_view name = reader.hex("sha256", kIdText);
      issuers_.emplace(name, std::make_shared<const Bytes>(reader.octets("der", kCertificate)));
      if (!reader.ok()) fault_ = reader.error();
    }
  }

  // Ascending numbers.
  Result<std::vector<SignerRecord>> signers() {
    for (std::size_t i = 0; !fault_ && i < signers_.size(); ++i) {
      for (const std::string_view name : chains_[i]) {
        const auto issuer = issuers_.find(name);
        if (issuer == issuers_.end()) {
          fault_ = nonsense(where("signers", i) + ".issuers");
          break;
        }
        signers_[i].issuers.push_back(issuer->second);
      }
    }
    if (!fault_) find_duplicates();
    if (fault_) return fail(*fault_);
    return std::move(signers_);
  }

 private:
  static std::string where(std::string_view list, std::size_t place) {
    return std::string(list) + "[" + std::to_string(place) + "]";
  }

  void find_duplicates() {
    std::ranges::sort(signers_, {}, &SignerRecord::number);
    if (has_twice(signers_, &SignerRecord::number)) fault_ = nonsense("signers[].number");
    std::vector<std::string_view> names(signers_.size());
    std::ranges::transform(signers_, names.begin(), &SignerRecord::name);
    std::ranges::sort(names);
    if (has_twice(names)) fault_ = nonsense("signers[].name");
  }

  std::vector<SignerRecord> signers_;
  std::vector<std::vector<std::string_view>> chains_;  // names of the issuers of each signer
  Issuers issuers_;
  std::size_t certificates_ = 0;
  std::optional<Error> fault_;
};

std::optional<RequestState> request_state_of(std::string_view text) {
  if (text == "pending") return RequestState::kPending;
  if (text == "approved") return RequestState::kApproved;
  if (text == "rejected") return RequestState::kRejected;
  if (text == "cancelled") return RequestState::kCancelled;
  if (text == "expired") return RequestState::kExpired;
  return std::nullopt;
}

// Sentences joined by spaces.
std::string read_sentences(Reader& reader, std::string_view name) {
  std::string joined;
  for (const std::string_view sentence : reader.texts(name, kSentences)) {
    if (sentence.empty()) reader.refuse(name);
    if (!joined.empty()) joined += ' ';
    joined += sentence;
  }
  return shortened(joined, kSentence);
}

std::string_view name_of(crypto::Hash hash) { return crypto::row_of(hash).name; }

}  // namespace

bool is_signer_name(std::string_view name) {
  const auto fits = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  };
  return !name.empty() && name.size() <= 32 && name.front() != '-' && name.back() != '-' &&
         std::all_of(name.begin(), name.end(), fits);
}

bool is_record_id(std::string_view id) {
  const auto fits = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_';
  };
  return !id.empty() && id.size() <= kIdText && std::all_of(id.begin(), id.end(), fits);
}

Result<std::unique_ptr<Catalogue>> parse_catalogue(std::string_view body, std::string etag) {
  CatalogueLists lists;
  const JsonObject answer(body, [&lists](std::string_view list, const JsonMembers* element) {
    lists.read(list, element);
  });
  if (!answer.is_json()) {
    return fail(Error::tell(CKR_DEVICE_ERROR,
                            "the control plane answers nonsense: the list of signers is no JSON"));
  }
  Reader reader(answer.members(), "catalogue");
  reader.expect_list("signers");
  reader.expect_list("certificates");
  if (!reader.ok()) return fail(reader.error());
  auto signers = lists.signers();
  if (!signers) return fail(std::move(signers).error());
  auto catalogue = std::make_unique<Catalogue>();
  catalogue->etag = std::move(etag);
  catalogue->signers = *std::move(signers);
  return catalogue;
}

Result<Signed> parse_signed(std::string_view body) {
  const JsonObject answer(body);
  if (!answer.is_json()) {
    return fail(Error::tell(CKR_DEVICE_ERROR,
                            "the control plane answers nonsense: the signature is no JSON"));
  }
  Reader reader(answer.members(), "answer");
  Signed made;
  made.signature = reader.octets("signature", kSignature);
  if (!reader.ok()) return fail(reader.error());
  // For a log alone: no signature is thrown away for it.
  made.operation_id = reader.text_if_any("operation_id", kIdText);
  if (!is_record_id(made.operation_id)) made.operation_id.clear();
  Reader proof(answer.members(), "answer");
  made.receipt = proof.text_if_any("receipt", kReceipt);
  if (!proof.ok()) made.receipt.clear();
  return made;
}

Problem parse_problem(std::string_view body) {
  Problem problem;
  const JsonObject answer(body);
  if (!answer.is_json()) return problem;
  const auto read = [&answer](std::string_view name, std::size_t limit) {
    Reader reader(answer.members(), "problem");
    return std::string(reader.text(name, limit));
  };
  problem.code = read("code", kIdText);
  problem.title = shortened(read("title", kText), kTitle);
  problem.request = read("request", kIdText);
  if (!is_record_id(problem.request)) problem.request.clear();
  return problem;
}

Result<ApprovalRequest> parse_approval_request(std::string_view body) {
  const JsonObject answer(body);
  if (!answer.is_json()) {
    return fail(Error::tell(CKR_DEVICE_ERROR,
                            "the control plane answers nonsense: the request is no JSON"));
  }
  Reader reader(answer.members(), "request");
  ApprovalRequest request;
  request.id = reader.text("id", kIdText);
  if (!is_record_id(request.id)) reader.refuse("id");
  const auto state = request_state_of(reader.text("state", kIdText));
  if (!state) reader.refuse("state");
  request.state = state.value_or(RequestState::kPending);
  request.missing = read_sentences(reader, "missing");
  request.ended_by = reader.text_if_any("ended_by", kIdText);
  request.comment = shortened(reader.text_if_any("comment", kText), kComment);
  if (!reader.ok()) return fail(reader.error());
  return request;
}

std::string write_approval_request(const Settings::Approval& terms, const ClientContext& client) {
  json::object body;
  body["justification"] = terms.justification.empty() ? who_asks(client) : terms.justification;
  if (terms.window) body["window_seconds"] = terms.window->count();
  if (terms.signings) body["signings"] = *terms.signings;
  return json::serialize(body);
}

std::string write_sign_body(const std::string& certificate_serial, const crypto::DigestToSign& what,
                            const ClientContext& client, bool with_receipt) {
  json::object body;
  body["scheme"] = what.scheme->name;
  body["hash"] = name_of(what.hash);
  body[what.scheme->signs_message ? "message" : "digest"] = to_base64(what.digest);
  if (what.pss) {
    body["pss"] = {{"mgf_hash", name_of(what.pss->mgf_hash)},
                   {"salt_length", what.pss->salt_length}};
  }
  if (what.scheme->has_encodings) body["ecdsa_encoding"] = "p1363";
  json::object about;
  const auto add = [&about](std::string_view name, const std::string& text) {
    if (!text.empty()) about[json::string_view(name.data(), name.size())] = text;
  };
  add("tool", client.tool);
  add("command", client.command);
  add("hostname", client.hostname);
  add("os_user", client.os_user);
  add("module_version", client.module_version);
  body["client"] = std::move(about);
  body["certificate_serial"] = certificate_serial;
  if (with_receipt) body["receipt"] = true;
  return json::serialize(body);
}

}  // namespace sealwright::remote
