// Mechanisms with parameters of any shape: what signs verifies, and nothing else does.
#include <cstring>
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

constexpr CK_MECHANISM_TYPE kMechanisms[] = {CKM_RSA_PKCS,
                                             CKM_SHA256_RSA_PKCS,
                                             CKM_SHA384_RSA_PKCS,
                                             CKM_SHA512_RSA_PKCS,
                                             CKM_RSA_PKCS_PSS,
                                             CKM_SHA256_RSA_PKCS_PSS,
                                             CKM_SHA384_RSA_PKCS_PSS,
                                             CKM_SHA512_RSA_PKCS_PSS,
                                             CKM_ECDSA,
                                             CKM_ECDSA_SHA256,
                                             CKM_ECDSA_SHA384,
                                             CKM_ECDSA_SHA512,
                                             CKM_EDDSA,
                                             CKM_SHA_1,
                                             CKM_SHA224,
                                             CKM_SHA256,
                                             CKM_SHA384,
                                             CKM_SHA512,
                                             CKM_SHA1_RSA_PKCS,
                                             CKM_RSA_X_509,
                                             CKM_ECDSA_SHA1};
constexpr CK_MECHANISM_TYPE kHashes[] = {CKM_SHA256, CKM_SHA384, CKM_SHA512, CKM_SHA_1};
constexpr CK_RSA_PKCS_MGF_TYPE kMasks[] = {CKG_MGF1_SHA256, CKG_MGF1_SHA384, CKG_MGF1_SHA512,
                                           CKG_MGF1_SHA1};

Bytes pss_parameters(Input& input) {
  const CK_RSA_PKCS_PSS_PARAMS parameters{kHashes[input.below(std::size(kHashes))],
                                          kMasks[input.below(std::size(kMasks))],
                                          input.number<std::uint16_t>()};
  Bytes octets(sizeof parameters);
  std::memcpy(octets.data(), &parameters, sizeof parameters);
  return octets;
}

sealwright::library::Provider& provider() {
  static auto* const made = fuzz::make_provider().release();
  return *made;
}

struct Key {
  CK_SESSION_HANDLE session;
  CK_OBJECT_HANDLE private_key;
  CK_OBJECT_HANDLE public_key;
};

CK_OBJECT_HANDLE find(CK_SESSION_HANDLE session, CK_OBJECT_CLASS object_class) {
  CK_ATTRIBUTE criterion{CKA_CLASS, &object_class, sizeof object_class};
  CK_OBJECT_HANDLE found = CK_INVALID_HANDLE;
  CK_ULONG count = 0;
  require(rv(abi::find_objects_init(provider(), session, &criterion, 1)) == CKR_OK &&
              rv(abi::find_objects(provider(), session, &found, 1, &count)) == CKR_OK &&
              rv(abi::find_objects_final(provider(), session)) == CKR_OK && count == 1,
          "a key is found");
  return found;
}

Key key_on(CK_SLOT_ID slot) {
  const CK_SESSION_HANDLE session = fuzz::open_session_on(provider(), slot);
  return {session, find(session, CKO_PRIVATE_KEY), find(session, CKO_PUBLIC_KEY)};
}

// The signature; empty when the data is not what the mechanism takes.
Bytes sign(const Key& key, const std::vector<Buffer>& parts) {
  for (const Buffer& part : parts) {
    const CK_RV answer = rv(abi::sign_update(provider(), key.session, part.data(), part.size()));
    require(answer == CKR_OK || answer == CKR_DATA_LEN_RANGE, "a part is taken, or is too much");
    if (answer != CKR_OK) return {};
  }
  CK_ULONG length = 0;
  require(rv(abi::sign_final(provider(), key.session, nullptr, &length)) == CKR_OK, "a length");
  const Buffer signature(length);
  const CK_RV answer = rv(abi::sign_final(provider(), key.session, signature.data(), &length));
  require(answer == CKR_OK || answer == CKR_DATA_LEN_RANGE, "a signature, or the wrong length");
  if (answer != CKR_OK) return {};
  require(length == signature.size(), "the length is known beforehand");
  return {signature.view().begin(), signature.view().end()};
}

CK_RV verify(const Key& key, CK_MECHANISM& mechanism, const std::vector<Buffer>& parts,
             Bytes& signature) {
  require(rv(abi::verify_init(provider(), key.session, &mechanism, key.public_key)) == CKR_OK,
          "what signs verifies");
  for (const Buffer& part : parts) {
    require(rv(abi::verify_update(provider(), key.session, part.data(), part.size())) == CKR_OK,
            "in the same parts");
  }
  return rv(abi::verify_final(provider(), key.session, signature.data(), signature.size()));
}

void digest(const Key& key, CK_MECHANISM& mechanism, const std::vector<Buffer>& parts) {
  if (rv(abi::digest_init(provider(), key.session, &mechanism)) != CKR_OK) return;
  for (const Buffer& part : parts) {
    require(rv(abi::digest_update(provider(), key.session, part.data(), part.size())) == CKR_OK,
            "a digest takes anything");
  }
  CK_ULONG length = 0;
  require(rv(abi::digest_final(provider(), key.session, nullptr, &length)) == CKR_OK, "a length");
  const Buffer value(length);
  require(rv(abi::digest_final(provider(), key.session, value.data(), &length)) == CKR_OK,
          "and gives its value");
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Key keys[] = {key_on(fuzz::kRsaSlot), key_on(fuzz::kEcSlot),
                             key_on(fuzz::kEdwardsSlot)};
  Input input(data, size);
  const Key& key = keys[input.below(std::size(keys))];
  const std::size_t choice = input.below(std::size(kMechanisms) + 2);
  const CK_MECHANISM_TYPE type =
      choice < std::size(kMechanisms) ? kMechanisms[choice] : input.number<std::uint64_t>();
  const bool well_formed = input.flag();
  const std::size_t shift = input.below(8);  // parameters need not be aligned
  Bytes octets(shift, 0);
  const Bytes pss = well_formed ? pss_parameters(input) : Bytes{};
  const ByteView raw = well_formed ? ByteView(pss) : input.short_octets();
  octets.insert(octets.end(), raw.begin(), raw.end());
  const Buffer memory(octets);
  CK_MECHANISM mechanism{type, memory.data() + shift, raw.size()};
  if (raw.empty()) mechanism = {type, nullptr, input.flag() ? input.number<std::uint64_t>() : 0};

  std::vector<Buffer> parts;
  while (!input.empty()) parts.emplace_back(input.short_octets());
  digest(key, mechanism, parts);

  const CK_RV begun = rv(abi::sign_init(provider(), key.session, &mechanism, key.private_key));
  require(begun == CKR_OK || begun == CKR_MECHANISM_INVALID || begun == CKR_KEY_TYPE_INCONSISTENT ||
              begun == CKR_MECHANISM_PARAM_INVALID,
          "one of the answers of the standard");
  if (begun != CKR_OK) return 0;
  Bytes signature = sign(key, parts);
  if (signature.empty()) return 0;
  require(verify(key, mechanism, parts, signature) == CKR_OK, "what was signed verifies");
  signature[signature.size() / 2] ^= 1U;
  require(verify(key, mechanism, parts, signature) == CKR_SIGNATURE_INVALID,
          "what was not signed does not");
  return 0;
}
