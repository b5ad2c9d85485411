// The list of signers: the wire, then every object that a token shows. A second list, after a null,
// takes the place of the first.
#include <set>

#include "fuzz/input.h"
#include "remote/wire.h"
#include "token/catalogue.h"

namespace {

using sealwright::Bytes;
using sealwright::Log;
using sealwright::LogLevel;
using sealwright::Result;
using sealwright::Secret;
using sealwright::fuzz::Input;
using sealwright::fuzz::is_utf8;
using sealwright::fuzz::require;
using sealwright::token::Catalogue;
using sealwright::token::Snapshot;
namespace remote = sealwright::remote;

// Answers with one list after the other.
class Lists final : public remote::SigningService {
 public:
  explicit Lists(std::string_view bodies) : left_(bodies) {}

  Result<std::unique_ptr<remote::Catalogue>> fetch_catalogue(
      const remote::Credential&, const std::optional<std::string>&) override {
    const std::string_view body = left_.substr(0, left_.find('\0'));
    left_.remove_prefix(std::min(body.size() + 1, left_.size()));
    return remote::parse_catalogue(body, "\"tag\"");
  }
  Result<remote::Signed> sign(const remote::Credential&, const std::string&, const std::string&,
                              const sealwright::crypto::DigestToSign&) override {
    return sealwright::fail(CKR_DEVICE_ERROR, "nothing is signed here");
  }
  void stop() noexcept override {}
  void abandon_after_fork() noexcept override {}

 private:
  std::string_view left_;
};

void check(const Snapshot& snapshot) {
  std::set<CK_OBJECT_HANDLE> handles;
  for (const auto& [slot, signer] : snapshot) {
    require(slot == signer->record().number && slot > 0 && slot < 1U << 31U, "a slot is a number");
    require(remote::is_signer_name(signer->record().name), "a token's label is a signer's name");
    const auto* const objects = signer->objects();
    require(objects != nullptr || !signer->has_token(), "an unreadable signer is no token");
    if (objects == nullptr) continue;
    require(!signer->has_token() || objects->size() >= 3, "a token has a key");
    for (const auto& object : *objects) {
      require(object->slot == slot, "an object belongs to its slot");
      handles.insert(object->handle);
      const auto* const label = object->find(CKA_LABEL);
      const auto* const id = object->find(CKA_ID);
      require(label != nullptr && id != nullptr && id->value.size() == 20, "objects have names");
      require(is_utf8({reinterpret_cast<const char*>(label->value.data()), label->value.size()}),
              "a label is UTF-8");
    }
  }
  require(!handles.contains(CK_INVALID_HANDLE), "no handle is the invalid one");
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Lists lists(Input(data, size).rest_as_text());
  sealwright::token::Handles handles;
  const Log log(LogLevel::kOff, "");
  auto now = Catalogue::Clock::now();
  Catalogue catalogue({"a key", Secret("swk_")}, false, lists, handles, log,
                      [&now] { return now; });
  const auto first = catalogue.held();
  if (!first) return 0;
  check(**first);
  now += Catalogue::kFresh;
  const auto second = catalogue.refreshed();
  require(second.has_value(), "a list that was there stays");
  check(**second);
  for (const auto& [slot, signer] : **first) {
    require((*second)->contains(slot), "no slot vanishes");
  }
  return 0;
}
