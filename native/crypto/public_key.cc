#include "crypto/public_key.h"

#include <openssl/decoder.h>

#include <algorithm>
#include <utility>

#include "crypto/digest.h"
#include "crypto/key_values.h"
#include "crypto/openssl_call.h"
#include "crypto/scheme.h"

namespace sealwright::crypto {
namespace {

constexpr std::uint8_t kSequence = 0x30;

// The content of a SEQUENCE that is all there is; none for anything else.
std::optional<ByteView> sequence_content(ByteView der) {
  if (der.size() < 2 || der[0] != kSequence) return std::nullopt;
  std::size_t length = der[1];
  std::size_t header = 2;
  if (length >= 0x80) {
    const std::size_t octets = length - 0x80;
    header += octets;
    if (octets < 1 || octets > 3 || der.size() < header) return std::nullopt;
    length = 0;
    for (const std::uint8_t octet : der.subspan(2, octets)) length = length << 8U | octet;
  }
  if (der.size() != header + length) return std::nullopt;
  return der.subspan(header);
}

// A key of the provider from the start: a legacy one would be converted, under locks, at first use.
EVP_PKEY* decode(const OpensslCall& call, ByteView spki_der) {
  EVP_PKEY* key = nullptr;
  const Owned<OSSL_DECODER_CTX, OSSL_DECODER_CTX_free> decoder(OSSL_DECODER_CTX_new_for_pkey(
      &key, "DER", "SubjectPublicKeyInfo", nullptr, EVP_PKEY_PUBLIC_KEY, call.context(), nullptr));
  if (decoder == nullptr) return nullptr;
  const std::uint8_t* next = spki_der.data();
  std::size_t left = spki_der.size();
  if (OSSL_DECODER_from_data(decoder.get(), &next, &left) == 1 && left == 0) return key;
  EVP_PKEY_free(key);
  return nullptr;
}

}  // namespace

bool is_one_der_sequence(ByteView der) { return sequence_content(der).has_value(); }

const KeyKind* PublicKey::kind_of(ByteView spki_der) {
  const auto content = sequence_content(spki_der);
  if (!content) return nullptr;
  const auto* const found = std::ranges::find_if(
      kKeyKinds, [&content](const KeyKind* kind) { return kind->begins(*content); });
  return found == kKeyKinds.end() ? nullptr : *found;
}

Result<std::shared_ptr<const PublicKey>> PublicKey::parse(ByteView spki_der) {
  const OpensslCall call;
  if (call.context() == nullptr) return out_of_memory();
  const std::shared_ptr<PublicKey> made(new PublicKey);
  made->key_ = decode(call, spki_der);
  if (made->key_ == nullptr) return unusable_key("not one SubjectPublicKeyInfo in DER");
  made->spki_.assign(spki_der.begin(), spki_der.end());

  const auto* const kind = std::ranges::find_if(kKeyKinds, [&made](const KeyKind* one) {
    return EVP_PKEY_is_a(made->key_, one->openssl_name) == 1;
  });
  if (kind == kKeyKinds.end()) return unusable_key("its type is none of those that sign here");
  made->kind_ = *kind;
  auto values = made->kind_->read(made->key_);
  if (!values) return fail(std::move(values).error());
  auto identifier = digest_of(Hash::kSha1, values->encoded);
  if (!identifier) return fail(std::move(identifier).error());
  made->values_ = *std::move(values);
  made->key_id_ = *std::move(identifier);
  return made;
}

const Bytes* PublicKey::attribute(CK_ATTRIBUTE_TYPE type) const {
  const auto found = std::ranges::find(values_.attributes, type, &KeyAttribute::type);
  return found == values_.attributes.end() ? nullptr : &found->value;
}

std::optional<Bytes> PublicKey::in_full_length(ByteView signature) const {
  if (signature.size() == signature_length()) return Bytes(signature.begin(), signature.end());
  if (kind_->lengthen == nullptr) return std::nullopt;
  return kind_->lengthen(signature, signature_length());
}

Result<bool> PublicKey::verify(const DigestToSign& what, ByteView signature) const {
  const bool fits = std::ranges::any_of(kind_->mechanisms, [&what](const SignatureMechanism& one) {
    return one.scheme == what.scheme;
  });
  if (!fits) return fail(CKR_KEY_TYPE_INCONSISTENT, "the scheme is for another type of key");
  if (signature.size() != signature_length()) return false;
  return what.scheme->verify(key_, what, signature);
}

PublicKey::~PublicKey() {
  const OpensslSection section;
  EVP_PKEY_free(key_);
}

}  // namespace sealwright::crypto
