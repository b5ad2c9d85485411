#include "token/attributes.h"

#include <cstring>
#include <initializer_list>
#include <type_traits>
#include <utility>

#include "base/cryptoki.h"
#include "crypto/key_kind.h"

namespace sealwright::token {
namespace {

template <typename T>
Bytes octets_of(const T& value) {
  static_assert(std::is_trivially_copyable_v<T>);
  Bytes octets(sizeof value);
  std::memcpy(octets.data(), &value, sizeof value);
  return octets;
}

Attribute number(CK_ATTRIBUTE_TYPE type, CK_ULONG value) { return {type, octets_of(value)}; }

Attribute boolean(CK_ATTRIBUTE_TYPE type, bool value) {
  return {type, octets_of(static_cast<CK_BBOOL>(value ? CK_TRUE : CK_FALSE))};
}

Attribute text(CK_ATTRIBUTE_TYPE type, const std::string& value) {
  return {type, Bytes(value.begin(), value.end())};
}

Attribute date(CK_ATTRIBUTE_TYPE type, const CK_DATE& value) { return {type, octets_of(value)}; }

Attribute empty(CK_ATTRIBUTE_TYPE type) { return {type, {}}; }

Attribute secret(CK_ATTRIBUTE_TYPE type) { return {type, {}, true}; }

Attribute mechanisms(CK_ATTRIBUTE_TYPE type, const crypto::KeyKind& kind) {
  Bytes list;
  for (const crypto::SignatureMechanism& mechanism : kind.mechanisms) {
    const Bytes octets = octets_of(mechanism.type);
    list.insert(list.end(), octets.begin(), octets.end());
  }
  return {type, std::move(list)};
}

void append(Object& object, std::initializer_list<Attribute> attributes) {
  object.attributes.insert(object.attributes.end(), attributes);
}

// §4.4 Storage objects.
void append_storage(Object& object, const std::string& label) {
  append(object, {
                     number(CKA_CLASS, object.object_class),
                     boolean(CKA_TOKEN, true),
                     boolean(CKA_PRIVATE, object.is_private),
                     boolean(CKA_MODIFIABLE, false),
                     text(CKA_LABEL, label),
                     boolean(CKA_COPYABLE, false),
                     boolean(CKA_DESTROYABLE, false),
                 });
}

// v3.0 §4.4: no other object of the token ever has it, and the object has no other. A key is told
// by its identifier, a certificate by its hash.
Attribute unique_id(const char* kind, const Bytes& digest) {
  return text(kUniqueIdAttribute, std::string(kind) + '-' + to_hex(digest));
}

// §4.7 Key objects.
void append_key(Object& object, const crypto::PublicKey& key) {
  append(object,
         {
             number(CKA_KEY_TYPE, key.kind().type),
             {CKA_ID, key.key_identifier()},
             unique_id(object.object_class == CKO_PRIVATE_KEY ? "private-key" : "public-key",
                       key.key_identifier()),
             empty(CKA_START_DATE),
             empty(CKA_END_DATE),
             boolean(CKA_DERIVE, false),
             boolean(CKA_LOCAL, true),
             number(CKA_KEY_GEN_MECHANISM, key.kind().generation),
             mechanisms(CKA_ALLOWED_MECHANISMS, key.kind()),
         });
}

Object key_object(const KeyFacts& facts, CK_OBJECT_CLASS object_class, bool is_private) {
  Object object;
  object.slot = facts.slot;
  object.object_class = object_class;
  object.is_private = is_private;
  object.key = facts.key;
  append_storage(object, facts.label);
  append_key(object, *facts.key->public_key);
  return object;
}

}  // namespace

Object private_key_object(const KeyFacts& facts) {
  const crypto::PublicKey& key = *facts.key->public_key;
  Object object = key_object(facts, CKO_PRIVATE_KEY, facts.login_required);
  // §4.9 Private key objects.
  append(object, {
                     {CKA_SUBJECT, facts.subject},
                     boolean(CKA_SENSITIVE, true),
                     boolean(CKA_DECRYPT, false),
                     boolean(CKA_SIGN, true),
                     boolean(CKA_SIGN_RECOVER, false),
                     boolean(CKA_UNWRAP, false),
                     boolean(CKA_EXTRACTABLE, false),
                     boolean(CKA_ALWAYS_SENSITIVE, true),
                     boolean(CKA_NEVER_EXTRACTABLE, true),
                     boolean(CKA_WRAP_WITH_TRUSTED, false),
                     empty(CKA_UNWRAP_TEMPLATE),
                     boolean(CKA_ALWAYS_AUTHENTICATE, false),
                     {CKA_PUBLIC_KEY_INFO, key.spki()},
                 });
  // Mechanisms §2.1.3, §2.3.4; an EC point is there for tools that look for it on the private key.
  for (const crypto::KeyAttribute& one : key.attributes()) {
    if (one.of_private_key) {
      append(object, {{one.type, one.value}});
    }
  }
  for (const CK_ATTRIBUTE_TYPE type : key.kind().secrets) {
    append(object, {secret(type)});
  }
  return object;
}

Object public_key_object(const KeyFacts& facts) {
  const crypto::PublicKey& key = *facts.key->public_key;
  Object object = key_object(facts, CKO_PUBLIC_KEY, false);
  // §4.8 Public key objects.
  append(object, {
                     {CKA_SUBJECT, facts.subject},
                     boolean(CKA_ENCRYPT, false),
                     boolean(CKA_VERIFY, true),
                     boolean(CKA_VERIFY_RECOVER, false),
                     boolean(CKA_WRAP, false),
                     boolean(CKA_TRUSTED, false),
                     empty(CKA_WRAP_TEMPLATE),
                     {CKA_PUBLIC_KEY_INFO, key.spki()},
                 });
  // Mechanisms §2.1.2, §2.3.3.
  for (const crypto::KeyAttribute& one : key.attributes()) {
    append(object, {{one.type, one.value}});
  }
  return object;
}

Object certificate_object(CK_SLOT_ID slot, const crypto::Certificate& certificate,
                          CertificateCategory category, const std::string& label, const Bytes& id,
                          const Bytes& sha1) {
  constexpr std::ptrdiff_t kCheckValueLength = 3;
  Object object;
  object.slot = slot;
  object.object_class = CKO_CERTIFICATE;
  append_storage(object, label);
  // §4.6.2 Certificate objects.
  append(object, {
                     unique_id("certificate", sha1),
                     number(CKA_CERTIFICATE_TYPE, CKC_X_509),
                     boolean(CKA_TRUSTED, false),
                     number(CKA_CERTIFICATE_CATEGORY, static_cast<CK_ULONG>(category)),
                     {CKA_CHECK_VALUE, Bytes(sha1.begin(), sha1.begin() + kCheckValueLength)},
                     date(CKA_START_DATE, certificate.not_before),
                     date(CKA_END_DATE, certificate.not_after),
                     {CKA_PUBLIC_KEY_INFO, certificate.spki},
                 });
  // §4.6.3 X.509 public key certificate objects. The hashes stand for a value behind a URL; here
  // the value itself is there.
  append(object, {
                     {CKA_SUBJECT, certificate.subject},
                     {CKA_ID, id},
                     {CKA_ISSUER, certificate.issuer},
                     {CKA_SERIAL_NUMBER, certificate.serial},
                     {CKA_VALUE, certificate.der},
                     empty(CKA_URL),
                     empty(CKA_HASH_OF_SUBJECT_PUBLIC_KEY),
                     empty(CKA_HASH_OF_ISSUER_PUBLIC_KEY),
                     number(CKA_JAVA_MIDP_SECURITY_DOMAIN, 0),
                     number(CKA_NAME_HASH_ALGORITHM, CKM_SHA_1),
                 });
  return object;
}

}  // namespace sealwright::token
