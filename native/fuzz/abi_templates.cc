// Attribute templates of any shape, to search with and to read with.
#include <vector>

#include "fuzz/abi_token.h"

namespace {

using sealwright::Bytes;
using sealwright::ByteView;
using sealwright::fuzz::Buffer;
using sealwright::fuzz::Input;
using sealwright::fuzz::require;
using sealwright::fuzz::rv;
namespace abi = sealwright::abi;
namespace fuzz = sealwright::fuzz;

constexpr CK_ATTRIBUTE_TYPE kTypes[] = {CKA_CLASS,
                                        CKA_TOKEN,
                                        CKA_PRIVATE,
                                        CKA_LABEL,
                                        CKA_ID,
                                        CKA_KEY_TYPE,
                                        CKA_SIGN,
                                        CKA_VERIFY,
                                        CKA_SUBJECT,
                                        CKA_ISSUER,
                                        CKA_SERIAL_NUMBER,
                                        CKA_VALUE,
                                        CKA_MODULUS,
                                        CKA_MODULUS_BITS,
                                        CKA_PUBLIC_EXPONENT,
                                        CKA_PRIVATE_EXPONENT,
                                        CKA_EC_PARAMS,
                                        CKA_EC_POINT,
                                        CKA_CERTIFICATE_TYPE,
                                        CKA_TRUSTED,
                                        CKA_START_DATE,
                                        CKA_UNWRAP_TEMPLATE,
                                        CKA_PUBLIC_KEY_INFO,
                                        CKA_ALLOWED_MECHANISMS,
                                        CKA_ALWAYS_SENSITIVE};

// A template and the memory that it points to. Where there is a pointer, the length is true.
class Template {
 public:
  explicit Template(Input& input) {
    const std::size_t count = input.below(32);
    for (std::size_t i = 0; i < count; ++i) {
      const std::size_t choice = input.below(std::size(kTypes) + 4);
      const CK_ATTRIBUTE_TYPE type =
          choice < std::size(kTypes) ? kTypes[choice] : input.number<std::uint64_t>();
      if (input.flag()) {
        const Buffer& memory = buffers_.emplace_back(input.short_octets());
        entries_.push_back({type, memory.data(), memory.size()});
      } else {
        entries_.push_back({type, nullptr, input.flag() ? input.number<std::uint64_t>() : 0});
      }
    }
  }

  [[nodiscard]] std::vector<CK_ATTRIBUTE>& entries() { return entries_; }

 private:
  std::vector<Buffer> buffers_;
  std::vector<CK_ATTRIBUTE> entries_;
};

sealwright::library::Provider& provider() {
  static auto* const made = fuzz::make_provider().release();
  return *made;
}

std::vector<CK_OBJECT_HANDLE> find(CK_SESSION_HANDLE session, std::vector<CK_ATTRIBUTE>& criteria) {
  const CK_RV begun =
      rv(abi::find_objects_init(provider(), session, criteria.data(), criteria.size()));
  require(begun == CKR_OK || begun == CKR_ARGUMENTS_BAD, "a search begins, or its template is bad");
  if (begun != CKR_OK) return {};
  std::vector<CK_OBJECT_HANDLE> found(16);
  CK_ULONG count = 0;
  require(
      rv(abi::find_objects(provider(), session, found.data(), found.size(), &count)) == CKR_OK &&
          count <= found.size(),
      "a search goes on");
  found.resize(count);
  require(rv(abi::find_objects_final(provider(), session)) == CKR_OK, "and ends");
  return found;
}

Bytes read(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type) {
  CK_ATTRIBUTE entry{type, nullptr, 0};
  require(rv(abi::get_attribute_value(provider(), session, object, &entry, 1)) == CKR_OK,
          "what was found by an attribute has it");
  Bytes value(entry.ulValueLen);
  entry.pValue = value.data();
  require(rv(abi::get_attribute_value(provider(), session, object, &entry, 1)) == CKR_OK,
          "and gives it");
  return value;
}

void check_found(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object,
                 const std::vector<CK_ATTRIBUTE>& criteria) {
  for (const CK_ATTRIBUTE& criterion : criteria) {
    const Bytes value = read(session, object, criterion.type);
    const ByteView wanted(static_cast<const std::uint8_t*>(criterion.pValue), criterion.ulValueLen);
    require(std::equal(value.begin(), value.end(), wanted.begin(), wanted.end()),
            "every attribute of the template matches");
  }
}

void check_read(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object,
                std::vector<CK_ATTRIBUTE> entries) {
  const std::vector<CK_ATTRIBUTE> before = entries;
  const CK_RV answer =
      rv(abi::get_attribute_value(provider(), session, object, entries.data(), entries.size()));
  require(answer == CKR_OK || answer == CKR_ATTRIBUTE_TYPE_INVALID ||
              answer == CKR_ATTRIBUTE_SENSITIVE || answer == CKR_BUFFER_TOO_SMALL,
          "one of the answers of the standard");
  bool all = true;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const bool refused = entries[i].ulValueLen == CK_UNAVAILABLE_INFORMATION;
    all = all && !refused;
    require(refused || before[i].pValue == nullptr || entries[i].ulValueLen <= before[i].ulValueLen,
            "no value is longer than its buffer");
  }
  require(all == (answer == CKR_OK), "a refusal is one, and marks what it refuses");
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const CK_SESSION_HANDLE sessions[] = {fuzz::open_session_on(provider(), fuzz::kRsaSlot),
                                               fuzz::open_session_on(provider(), fuzz::kEcSlot)};
  Input input(data, size);
  const CK_SESSION_HANDLE session = sessions[input.below(std::size(sessions))];
  Template searched(input);
  for (const CK_OBJECT_HANDLE object : find(session, searched.entries())) {
    check_found(session, object, searched.entries());
  }
  std::vector<CK_ATTRIBUTE> none;
  const auto everything = find(session, none);
  require(everything.size() == 5, "a search for everything finds it");
  Template asked(input);
  check_read(session, everything[input.below(everything.size())], asked.entries());
  return 0;
}
