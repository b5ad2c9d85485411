#include "crypto/rsa_pss.h"

#include <openssl/core_names.h>
#include <openssl/params.h>

#include <array>
#include <cstring>

#include "crypto/openssl_call.h"
#include "crypto/public_key.h"

namespace sealwright::crypto::rsa_pss {
namespace {

tl::unexpected<Error> invalid(std::string reason) {
  return fail(CKR_MECHANISM_PARAM_INVALID, "CK_RSA_PKCS_PSS_PARAMS: " + std::move(reason));
}

Result<DigestToSign> begin(const CK_MECHANISM& mechanism, Hash own, const PublicKey& key) {
  CK_RSA_PKCS_PSS_PARAMS given;
  if (mechanism.pParameter == nullptr) return invalid("missing");
  if (mechanism.ulParameterLen != sizeof(given)) return invalid("wrong size");
  std::memcpy(&given, mechanism.pParameter, sizeof(given));  // the pointer may not be aligned

  const HashRow* hash = signing_hash_of_mechanism(given.hashAlg);
  if (hash == nullptr) return invalid("hashAlg is not CKM_SHA256, CKM_SHA384 or CKM_SHA512");
  if (own != Hash::kNone && own != hash->hash) return invalid("hashAlg is not the mechanism's");
  const HashRow* mgf = signing_hash_of_mgf(given.mgf);
  if (mgf == nullptr) {
    return invalid("mgf is not CKG_MGF1_SHA256, CKG_MGF1_SHA384 or CKG_MGF1_SHA512");
  }

  const std::size_t encoded_length = (key.bits() - 1 + 7) / 8;  // emLen, RFC 8017 §8.1.1
  const std::size_t longest_salt = encoded_length - hash->length - 2;
  if (given.sLen > longest_salt) {
    return invalid("sLen is more than " + std::to_string(longest_salt));
  }
  return DigestToSign{
      &kScheme, hash->hash, {}, PssParameters{mgf->hash, static_cast<std::uint32_t>(given.sLen)}};
}

std::size_t capacity(const DigestToSign& form, const PublicKey& /*key*/) {
  return row_of(form.hash).length;
}

Result<DigestToSign> from_raw(DigestToSign form, Bytes raw) {
  if (raw.size() != row_of(form.hash).length) {
    return fail(CKR_DATA_LEN_RANGE, "CKM_RSA_PKCS_PSS needs a digest of " +
                                        std::to_string(row_of(form.hash).length) + " octets, not " +
                                        std::to_string(raw.size()));
  }
  form.digest = std::move(raw);
  return form;
}

Result<bool> verify(EVP_PKEY* key, const DigestToSign& what, ByteView signature) {
  if (!what.pss || what.hash == Hash::kNone || what.pss->mgf_hash == Hash::kNone) {
    return invalid("missing");
  }
  const OpensslCall call;
  const PkeyContext context = call.use(key);
  if (context == nullptr) return out_of_memory();
  auto salt_length = static_cast<int>(what.pss->salt_length);
  // OSSL_PARAM takes text to read through a pointer that it could write through.
  const std::array parameters{
      OSSL_PARAM_construct_utf8_string(OSSL_SIGNATURE_PARAM_PAD_MODE,
                                       const_cast<char*>(OSSL_PKEY_RSA_PAD_MODE_PSS), 0),
      OSSL_PARAM_construct_utf8_string(OSSL_SIGNATURE_PARAM_DIGEST,
                                       const_cast<char*>(row_of(what.hash).openssl_name), 0),
      OSSL_PARAM_construct_utf8_string(OSSL_SIGNATURE_PARAM_MGF1_DIGEST,
                                       const_cast<char*>(row_of(what.pss->mgf_hash).openssl_name),
                                       0),
      OSSL_PARAM_construct_int(OSSL_SIGNATURE_PARAM_PSS_SALTLEN, &salt_length),
      OSSL_PARAM_construct_end()};
  if (EVP_PKEY_verify_init_ex(context.get(), parameters.data()) != 1) {
    return fail(CKR_GENERAL_ERROR, "OpenSSL refused to verify PSS");
  }
  return EVP_PKEY_verify(context.get(), signature.data(), signature.size(), what.digest.data(),
                         what.digest.size()) == 1;
}

}  // namespace

constinit const Scheme kScheme{
    .name = "rsa-pss",
    .signs_message = false,
    .has_encodings = false,
    .begin = begin,
    .capacity = capacity,
    .from_raw = from_raw,
    .verify = verify,
};

}  // namespace sealwright::crypto::rsa_pss
