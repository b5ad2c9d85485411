// What CKM_RSA_PKCS is given, and OpenSSL's own idea of a DigestInfo.
#include <openssl/objects.h>
#include <openssl/x509.h>

#include <memory>

#include "crypto/hash.h"
#include "crypto/rsa_pkcs1.h"
#include "fuzz/input.h"

namespace {

using sealwright::ByteView;
using sealwright::crypto::Hash;
using sealwright::crypto::rsa_pkcs1::kScheme;
using sealwright::fuzz::Input;
using sealwright::fuzz::require;

struct Free {
  void operator()(X509_SIG* info) const { X509_SIG_free(info); }
};

Hash hash_of(int nid) {
  switch (nid) {
    case NID_sha256:
      return Hash::kSha256;
    case NID_sha384:
      return Hash::kSha384;
    case NID_sha512:
      return Hash::kSha512;
    default:
      return Hash::kNone;
  }
}

// The hash of a DigestInfo in DER with null parameters and a digest of the right length.
Hash judge(ByteView octets) {
  const std::uint8_t* next = octets.data();
  const std::unique_ptr<X509_SIG, Free> info(
      d2i_X509_SIG(nullptr, &next, static_cast<long>(octets.size())));
  if (info == nullptr) return Hash::kNone;
  std::uint8_t* encoded = nullptr;
  const int length = i2d_X509_SIG(info.get(), &encoded);
  const bool is_der =
      length > 0 && std::equal(encoded, encoded + length, octets.begin(), octets.end());
  OPENSSL_free(encoded);
  const X509_ALGOR* algorithm = nullptr;
  const ASN1_OCTET_STRING* digest = nullptr;
  X509_SIG_get0(info.get(), &algorithm, &digest);
  const ASN1_OBJECT* name = nullptr;
  int parameter = V_ASN1_UNDEF;
  X509_ALGOR_get0(&name, &parameter, nullptr, algorithm);
  const Hash hash = hash_of(OBJ_obj2nid(name));
  const bool fits = static_cast<std::size_t>(ASN1_STRING_length(digest)) ==
                    sealwright::crypto::row_of(hash).length;
  return is_der && parameter == V_ASN1_NULL && fits ? hash : Hash::kNone;
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ByteView octets = Input(data, size).rest();
  const auto made =
      kScheme.from_raw({&kScheme, Hash::kNone, {}, {}}, {octets.begin(), octets.end()});
  require(made.has_value(), "any octets are signed");
  const auto& what = *made;
  require(what.hash == judge(octets), "a DigestInfo is recognised exactly when it is one");
  const ByteView digest =
      what.hash == Hash::kNone ? octets : octets.last(sealwright::crypto::row_of(what.hash).length);
  require(std::equal(digest.begin(), digest.end(), what.digest.begin(), what.digest.end()),
          "the digest is the one that was given");
  return 0;
}
