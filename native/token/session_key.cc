#include "token/session_key.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <string>
#include <utility>

#include "base/cryptoki.h"
#include "crypto/key_kind.h"
#include "crypto/public_key.h"
#include "token/attributes.h"
#include "token/handles.h"

namespace sealwright::token {
namespace {

enum class Form { kOctets, kFlag, kNumber, kDate };
// Who says what the value is: the caller; the token, which cannot do otherwise (a template may
// repeat it); the token alone.
enum class Origin { kCaller, kToken, kTokenAlone };

struct Row {
  CK_ATTRIBUTE_TYPE type;
  Form form;
  Origin origin;
};

// Of public keys (§4.4, §4.7, §4.8; mechanisms §2.1.2; v3.0 §4.4), but for the parts that a kind of
// key has.
constexpr std::array kRows{
    Row{CKA_CLASS, Form::kNumber, Origin::kToken},
    Row{CKA_TOKEN, Form::kFlag, Origin::kToken},
    Row{CKA_PRIVATE, Form::kFlag, Origin::kToken},
    Row{CKA_MODIFIABLE, Form::kFlag, Origin::kToken},
    Row{CKA_LABEL, Form::kOctets, Origin::kCaller},
    Row{CKA_COPYABLE, Form::kFlag, Origin::kToken},
    Row{CKA_DESTROYABLE, Form::kFlag, Origin::kToken},
    Row{kUniqueIdAttribute, Form::kOctets, Origin::kTokenAlone},
    Row{CKA_KEY_TYPE, Form::kNumber, Origin::kToken},
    Row{CKA_ID, Form::kOctets, Origin::kCaller},
    Row{CKA_START_DATE, Form::kDate, Origin::kCaller},
    Row{CKA_END_DATE, Form::kDate, Origin::kCaller},
    Row{CKA_DERIVE, Form::kFlag, Origin::kToken},
    Row{CKA_LOCAL, Form::kFlag, Origin::kTokenAlone},
    Row{CKA_KEY_GEN_MECHANISM, Form::kNumber, Origin::kTokenAlone},
    Row{CKA_ALLOWED_MECHANISMS, Form::kOctets, Origin::kToken},
    Row{CKA_SUBJECT, Form::kOctets, Origin::kCaller},
    Row{CKA_ENCRYPT, Form::kFlag, Origin::kToken},
    Row{CKA_VERIFY, Form::kFlag, Origin::kToken},
    Row{CKA_VERIFY_RECOVER, Form::kFlag, Origin::kToken},
    Row{CKA_WRAP, Form::kFlag, Origin::kToken},
    Row{CKA_TRUSTED, Form::kFlag, Origin::kToken},
    Row{CKA_WRAP_TEMPLATE, Form::kOctets, Origin::kToken},
    Row{CKA_PUBLIC_KEY_INFO, Form::kOctets, Origin::kToken},
    Row{CKA_MODULUS_BITS, Form::kNumber, Origin::kTokenAlone},
};

// Of other classes and types: known, but nothing that a public key of ours has.
constexpr std::array<CK_ATTRIBUTE_TYPE, 47> kOfOthers{
    CKA_APPLICATION,
    CKA_VALUE,
    CKA_OBJECT_ID,
    CKA_CERTIFICATE_TYPE,
    CKA_ISSUER,
    CKA_SERIAL_NUMBER,
    CKA_AC_ISSUER,
    CKA_OWNER,
    CKA_ATTR_TYPES,
    CKA_CERTIFICATE_CATEGORY,
    CKA_JAVA_MIDP_SECURITY_DOMAIN,
    CKA_URL,
    CKA_HASH_OF_SUBJECT_PUBLIC_KEY,
    CKA_HASH_OF_ISSUER_PUBLIC_KEY,
    CKA_NAME_HASH_ALGORITHM,
    CKA_CHECK_VALUE,
    CKA_SENSITIVE,
    CKA_DECRYPT,
    CKA_UNWRAP,
    CKA_SIGN,
    CKA_SIGN_RECOVER,
    CKA_PRIVATE_EXPONENT,
    CKA_PRIME_1,
    CKA_PRIME_2,
    CKA_EXPONENT_1,
    CKA_EXPONENT_2,
    CKA_COEFFICIENT,
    CKA_PRIME,
    CKA_SUBPRIME,
    CKA_BASE,
    CKA_PRIME_BITS,
    CKA_SUB_PRIME_BITS,
    CKA_VALUE_BITS,
    CKA_VALUE_LEN,
    CKA_EXTRACTABLE,
    CKA_NEVER_EXTRACTABLE,
    CKA_ALWAYS_SENSITIVE,
    CKA_ALWAYS_AUTHENTICATE,
    CKA_WRAP_WITH_TRUSTED,
    CKA_UNWRAP_TEMPLATE,
    CKA_DERIVE_TEMPLATE,
    CKA_SECONDARY_AUTH,
    CKA_AUTH_PIN_FLAGS,
    CKA_HW_FEATURE_TYPE,
    CKA_RESET_ON_INIT,
    CKA_HAS_RESET,
    CKA_MECHANISM_TYPE,
};

using Given = std::span<const Criterion>;
using Key = std::shared_ptr<const crypto::PublicKey>;

tl::unexpected<Error> inconsistent(const std::string& what) {
  return fail(CKR_TEMPLATE_INCONSISTENT, "an object that cannot be: " + what);
}

std::string name_of(CK_ATTRIBUTE_TYPE type) { return "attribute " + std::to_string(type); }

bool is_part_of_a_key(CK_ATTRIBUTE_TYPE type) {
  return std::ranges::any_of(crypto::kKeyKinds, [type](const crypto::KeyKind* kind) {
    return std::ranges::find(kind->parts, type) != kind->parts.end();
  });
}

const Row* find_row(CK_ATTRIBUTE_TYPE type) {
  static constexpr Row kPart{0, Form::kOctets, Origin::kCaller};
  if (is_part_of_a_key(type)) {
    return &kPart;
  }
  const auto* const row = std::ranges::find(kRows, type, &Row::type);
  return row == kRows.end() ? nullptr : row;
}

const Bytes* find(Given given, CK_ATTRIBUTE_TYPE type) {
  const auto entry = std::ranges::find(given, type, &Criterion::type);
  return entry == given.end() ? nullptr : &entry->value;
}

bool has_form(const Bytes& value, Form form) {
  constexpr auto is_digit = [](std::uint8_t octet) { return octet >= '0' && octet <= '9'; };
  switch (form) {
    case Form::kOctets:
      return true;
    case Form::kFlag:
      return value.size() == sizeof(CK_BBOOL) && value.front() <= CK_TRUE;
    case Form::kNumber:
      return value.size() == sizeof(CK_ULONG);
    case Form::kDate:
      return value.empty() ||
             (value.size() == sizeof(CK_DATE) && std::ranges::all_of(value, is_digit));
  }
  return false;
}

Result<void> check_each(Given given) {
  for (const Criterion& entry : given) {
    const Row* const row = find_row(entry.type);
    if (row == nullptr) {
      if (std::ranges::find(kOfOthers, entry.type) != kOfOthers.end()) {
        return inconsistent(name_of(entry.type) + " of a public key");
      }
      return fail(CKR_ATTRIBUTE_TYPE_INVALID, name_of(entry.type) + " is not known");
    }
    if (row->origin == Origin::kTokenAlone) {
      return fail(CKR_ATTRIBUTE_READ_ONLY, name_of(entry.type) + " is the token's to say");
    }
    if (!has_form(entry.value, row->form)) {
      return fail(CKR_ATTRIBUTE_VALUE_INVALID,
                  name_of(entry.type) + " has a value of another form");
    }
    if (*find(given, entry.type) != entry.value) {
      return inconsistent(name_of(entry.type) + " with two values");
    }
  }
  return {};
}

Result<void> check_place(Given given, bool read_write_session) {
  const Bytes* const token = find(given, CKA_TOKEN);
  if (token == nullptr || *token != Bytes{CK_TRUE}) {
    return {};
  }
  if (!read_write_session) {
    return fail(CKR_SESSION_READ_ONLY, "a read-only session makes no objects of the token");
  }
  return fail(CKR_TOKEN_WRITE_PROTECTED, "what the token holds is the control plane's to say");
}

Result<CK_ULONG> read_number(Given given, CK_ATTRIBUTE_TYPE type) {
  const Bytes* const value = find(given, type);
  if (value == nullptr) {
    return fail(CKR_TEMPLATE_INCOMPLETE, name_of(type) + " is missing");
  }
  CK_ULONG number = 0;
  std::memcpy(&number, value->data(), sizeof number);
  return number;
}

Result<Key> make_key(Given given, CK_KEY_TYPE type) {
  const auto* const kind = std::ranges::find(crypto::kKeyKinds, type, &crypto::KeyKind::type);
  if (kind == crypto::kKeyKinds.end()) {
    return inconsistent("a key of a type that no token has");
  }
  const Bytes* const first = find(given, (*kind)->parts.front());
  const Bytes* const second = find(given, (*kind)->parts.back());
  if (first == nullptr || second == nullptr) {
    return fail(CKR_TEMPLATE_INCOMPLETE, "a part of the key is missing");
  }
  const auto spki = (*kind)->spki(*first, *second);
  if (!spki) {
    return fail(spki.error());
  }
  auto key = crypto::PublicKey::parse(*spki);
  if (!key && key.error().rv != CKR_HOST_MEMORY) {
    return fail(CKR_ATTRIBUTE_VALUE_INVALID, key.error().message);
  }
  return key;
}

void set(Object& object, CK_ATTRIBUTE_TYPE type, Bytes value) {
  const auto attribute = std::ranges::find(object.attributes, type, &Attribute::type);
  if (attribute != object.attributes.end()) {
    attribute->value = std::move(value);
  }
}

template <typename T>
Bytes octets_of(T value) {
  Bytes octets(sizeof value);
  std::memcpy(octets.data(), &value, sizeof value);
  return octets;
}

// As a signer's, but that it is nobody's, made elsewhere, and goes with its session.
Object object_of(CK_SLOT_ID slot, Key key, Given given) {
  KeyFacts facts;
  facts.slot = slot;
  facts.key = std::make_shared<const SigningKey>(SigningKey{"", "", std::move(key)});
  Object object = public_key_object(facts);
  object.handle = new_object_handle();
  const std::string unique = "session-key-" + std::to_string(object.handle);
  set(object, kUniqueIdAttribute, Bytes(unique.begin(), unique.end()));
  set(object, CKA_TOKEN, {CK_FALSE});
  set(object, CKA_DESTROYABLE, {CK_TRUE});
  set(object, CKA_LOCAL, {CK_FALSE});
  set(object, CKA_KEY_GEN_MECHANISM, octets_of<CK_MECHANISM_TYPE>(CK_UNAVAILABLE_INFORMATION));
  set(object, CKA_ID, {});
  for (const CK_ATTRIBUTE_TYPE type :
       {CKA_LABEL, CKA_ID, CKA_SUBJECT, CKA_START_DATE, CKA_END_DATE}) {
    if (const Bytes* const value = find(given, type)) {
      set(object, type, *value);
    }
  }
  return object;
}

}  // namespace

Result<Object> make_session_key(CK_SLOT_ID slot, bool read_write_session, Given given) {
  if (auto placed = check_place(given, read_write_session); !placed) {
    return fail(std::move(placed).error());
  }
  if (auto sound = check_each(given); !sound) {
    return fail(std::move(sound).error());
  }
  const auto object_class = read_number(given, CKA_CLASS);
  if (!object_class) {
    return fail(object_class.error());
  }
  if (*object_class != CKO_PUBLIC_KEY) {
    return inconsistent("anything but a public key is the control plane's to make");
  }
  const auto type = read_number(given, CKA_KEY_TYPE);
  if (!type) {
    return fail(type.error());
  }
  auto key = make_key(given, *type);
  if (!key) {
    return fail(std::move(key).error());
  }
  Object object = object_of(slot, *std::move(key), given);
  for (const Criterion& entry : given) {
    const Attribute* const attribute = object.find(entry.type);
    const bool as_given = find_row(entry.type)->origin == Origin::kCaller;
    if (attribute == nullptr || (!as_given && attribute->value != entry.value)) {
      return inconsistent(name_of(entry.type) + " is otherwise for a key to verify with");
    }
  }
  return object;
}

}  // namespace sealwright::token
