#include "remote/wire.h"

#include <algorithm>
#include <boost/json.hpp>
#include <limits>
#include <map>
#include <optional>
#include <set>

#include "base/utf8.h"

namespace sealwright::remote {
namespace {

namespace json = boost::json;

constexpr std::size_t kDepth = 16;
constexpr std::size_t kIdText = 64;
constexpr std::size_t kCertificate = 65'536;  // octets
constexpr std::size_t kPublicKey = 8'192;
constexpr std::size_t kSignature = 4096;
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

std::optional<json::value> parse(std::string_view body) {
  json::parse_options options;
  options.max_depth = kDepth;
  boost::system::error_code fault;
  json::value value = json::parse({body.data(), body.size()}, fault, {}, options);
  if (fault) return std::nullopt;
  return value;
}

// Reads members of one object; the first that does not fit is remembered as the fault.
class Reader {
 public:
  Reader(const json::value& value, std::string where) : where_(std::move(where)) {
    object_ = value.if_object();
    if (object_ == nullptr) fault_ = where_;
  }

  [[nodiscard]] bool ok() const { return fault_.empty(); }
  [[nodiscard]] Error error() const {
    return Error::tell(CKR_DEVICE_ERROR, "the control plane answers nonsense: " + fault_ +
                                             " is missing or malformed");
  }

  // Empty on a fault, and for null where that is allowed.
  std::string_view text(std::string_view name, std::size_t limit, bool nullable = false) {
    const json::value* value = find(name);
    if (value != nullptr && nullable && value->is_null()) return {};
    const json::string* found = value == nullptr ? nullptr : value->if_string();
    if (found == nullptr || found->empty() || found->size() > limit) {
      refuse(name);
      return {};
    }
    return {found->data(), found->size()};
  }

  // Absent counts as null, and both as empty.
  std::string_view text_if_any(std::string_view name, std::size_t limit) {
    const json::value* value = find(name);
    return value == nullptr || value->is_null() ? std::string_view() : text(name, limit);
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
    const json::value* value = find(name);
    const std::int64_t* found = value == nullptr ? nullptr : value->if_int64();
    if (found == nullptr || *found < 1 || *found > std::numeric_limits<std::int32_t>::max()) {
      refuse(name);
      return 0;
    }
    return static_cast<std::uint32_t>(*found);
  }

  const json::array& list(std::string_view name, const json::array& none) {
    const json::value* value = find(name);
    const json::array* found = value == nullptr ? nullptr : value->if_array();
    if (found == nullptr) refuse(name);
    return found == nullptr ? none : *found;
  }

  void refuse(std::string_view name) {
    if (fault_.empty()) fault_ = where_ + "." + std::string(name);
  }

 private:
  const json::value* find(std::string_view name) const {
    return object_ == nullptr ? nullptr : object_->if_contains({name.data(), name.size()});
  }

  const json::object* object_ = nullptr;
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

using Issuers = std::map<std::string, std::shared_ptr<const Bytes>, std::less<>>;

Result<Issuers> read_issuers(const json::array& list) {
  Issuers issuers;
  for (std::size_t i = 0; i < list.size(); ++i) {
    Reader reader(list[i], "certificates[" + std::to_string(i) + "]");
    const std::string_view name = reader.hex("sha256", kIdText);
    auto der = std::make_shared<const Bytes>(reader.octets("der", kCertificate));
    if (!reader.ok()) return fail(reader.error());
    issuers.emplace(name, std::move(der));
  }
  return issuers;
}

Result<SignerRecord> read_signer(const json::value& value, const std::string& where,
                                 const Issuers& issuers) {
  const json::array none;
  Reader reader(value, where);
  SignerRecord signer;
  signer.id = reader.text("id", kIdText);
  signer.number = reader.positive("number");
  signer.name = reader.text("name", kIdText);
  if (!is_signer_name(signer.name)) reader.refuse("name");
  const auto status = status_of(reader.text("status", kIdText));
  if (!status) reader.refuse("status");
  signer.status = status.value_or(SignerStatus::kPending);
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
  const json::array& chain = reader.list("issuers", none);
  if (chain.size() > kChainLength) reader.refuse("issuers");
  for (const json::value& entry : chain) {
    const json::string* name = entry.if_string();
    const auto issuer = name == nullptr
                            ? issuers.end()
                            : issuers.find(std::string_view(name->data(), name->size()));
    if (issuer == issuers.end()) {
      reader.refuse("issuers");
      break;
    }
    signer.issuers.push_back(issuer->second);
  }
  if (!reader.ok()) return fail(reader.error());
  return signer;
}

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
  const json::array none;
  const json::array& list = reader.list(name, none);
  if (list.size() > kSentences) reader.refuse(name);
  std::string joined;
  for (const json::value& entry : list) {
    const json::string* sentence = entry.if_string();
    if (sentence == nullptr || sentence->empty()) {
      reader.refuse(name);
      break;
    }
    if (!joined.empty()) joined += ' ';
    joined.append(sentence->data(), sentence->size());
  }
  return shortened(joined, kSentence);
}

std::string_view name_of(Scheme scheme) {
  switch (scheme) {
    case Scheme::kRsaPkcs1v15:
      return "rsa-pkcs1v15";
    case Scheme::kRsaPss:
      return "rsa-pss";
    case Scheme::kEcdsa:
      break;
  }
  return "ecdsa";
}

std::string_view name_of(Hash hash) {
  switch (hash) {
    case Hash::kSha256:
      return "sha256";
    case Hash::kSha384:
      return "sha384";
    case Hash::kSha512:
      return "sha512";
    case Hash::kNone:
      break;
  }
  return "none";
}

}  // namespace

bool is_signer_name(std::string_view name) {
  const auto fits = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  };
  return !name.empty() && name.size() <= 32 && name.front() != '-' && name.back() != '-' &&
         std::all_of(name.begin(), name.end(), fits);
}

bool is_request_id(std::string_view id) {
  const auto fits = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_';
  };
  return !id.empty() && id.size() <= kIdText && std::all_of(id.begin(), id.end(), fits);
}

Result<std::shared_ptr<const Catalogue>> parse_catalogue(std::string_view body, std::string etag) {
  const std::optional<json::value> value = parse(body);
  if (!value) {
    return fail(Error::tell(CKR_DEVICE_ERROR,
                            "the control plane answers nonsense: the list of signers is no JSON"));
  }
  const json::array none;
  Reader reader(*value, "catalogue");
  const json::array& signers = reader.list("signers", none);
  const json::array& certificates = reader.list("certificates", none);
  if (!reader.ok()) return fail(reader.error());
  const Result<Issuers> issuers = read_issuers(certificates);
  if (!issuers) return fail(issuers.error());

  auto catalogue = std::make_shared<Catalogue>();
  catalogue->etag = std::move(etag);
  std::set<std::uint32_t> numbers;
  std::set<std::string> names;
  for (std::size_t i = 0; i < signers.size(); ++i) {
    const std::string where = "signers[" + std::to_string(i) + "]";
    Result<SignerRecord> signer = read_signer(signers[i], where, *issuers);
    if (!signer) return fail(signer.error());
    if (!numbers.insert(signer->number).second) reader.refuse(where + ".number");
    if (!names.insert(signer->name).second) reader.refuse(where + ".name");
    catalogue->signers.push_back(std::move(*signer));
  }
  if (!reader.ok()) return fail(reader.error());
  std::sort(catalogue->signers.begin(), catalogue->signers.end(),
            [](const auto& left, const auto& right) { return left.number < right.number; });
  return catalogue;
}

Result<Bytes> parse_signature(std::string_view body) {
  const std::optional<json::value> value = parse(body);
  if (!value) {
    return fail(Error::tell(CKR_DEVICE_ERROR,
                            "the control plane answers nonsense: the signature is no JSON"));
  }
  Reader reader(*value, "answer");
  Bytes signature = reader.octets("signature", kSignature);
  if (!reader.ok()) return fail(reader.error());
  return signature;
}

Problem parse_problem(std::string_view body) {
  Problem problem;
  const std::optional<json::value> value = parse(body);
  if (!value) return problem;
  const auto read = [&value](std::string_view name, std::size_t limit) {
    Reader reader(*value, "problem");
    return std::string(reader.text(name, limit));
  };
  problem.code = read("code", kIdText);
  problem.title = shortened(read("title", kText), kTitle);
  problem.request = read("request", kIdText);
  if (!is_request_id(problem.request)) problem.request.clear();
  return problem;
}

Result<ApprovalRequest> parse_approval_request(std::string_view body) {
  const std::optional<json::value> value = parse(body);
  if (!value) {
    return fail(Error::tell(CKR_DEVICE_ERROR,
                            "the control plane answers nonsense: the request is no JSON"));
  }
  Reader reader(*value, "request");
  ApprovalRequest request;
  request.id = reader.text("id", kIdText);
  if (!is_request_id(request.id)) reader.refuse("id");
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

std::string write_sign_body(const std::string& certificate_serial, const DigestToSign& what,
                            const ClientContext& client) {
  json::object body;
  body["scheme"] = name_of(what.scheme);
  body["hash"] = name_of(what.hash);
  body["digest"] = to_base64(what.digest);
  if (what.pss) {
    body["pss"] = {{"mgf_hash", name_of(what.pss->mgf_hash)},
                   {"salt_length", what.pss->salt_length}};
  }
  if (what.scheme == Scheme::kEcdsa) body["ecdsa_encoding"] = "p1363";
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
  return json::serialize(body);
}

}  // namespace sealwright::remote
