#include "local_signing_service.h"

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <stdexcept>

#include "base/openssl.h"
#include "crypto/ecdsa.h"
#include "crypto/rsa_pkcs1.h"
#include "crypto/rsa_pss.h"

namespace sealwright::test {
namespace {

template <typename T, void (*kFree)(T*)>
struct Freer {
  void operator()(T* thing) const { kFree(thing); }
};
using Key = std::unique_ptr<EVP_PKEY, Freer<EVP_PKEY, EVP_PKEY_free>>;
using KeyContext = std::unique_ptr<EVP_PKEY_CTX, Freer<EVP_PKEY_CTX, EVP_PKEY_CTX_free>>;
using MessageContext = std::unique_ptr<EVP_MD_CTX, Freer<EVP_MD_CTX, EVP_MD_CTX_free>>;
using Certificate = std::unique_ptr<X509, Freer<X509, X509_free>>;

template <typename T>
T* required(T* thing) {
  if (thing == nullptr) {
    throw std::runtime_error("OpenSSL gave nothing");
  }
  return thing;
}

void required(int code) {
  if (code <= 0) {
    throw std::runtime_error("OpenSSL refused");
  }
}

Key make_key(const crypto::KeyKind* kind) {
  if (kind == &crypto::kRsa) {
    return Key(required(EVP_PKEY_Q_keygen(openssl_context(), nullptr, "RSA", std::size_t{2048})));
  }
  if (kind == &crypto::kEc) {
    return Key(required(EVP_PKEY_Q_keygen(openssl_context(), nullptr, "EC", "P-256")));
  }
  return Key(required(EVP_PKEY_Q_keygen(openssl_context(), nullptr, kind->openssl_name)));
}

template <typename Encode, typename T>
Bytes der(Encode encode, T* thing) {
  unsigned char* octets = nullptr;
  const int length = encode(thing, &octets);
  required(length);
  const std::unique_ptr<unsigned char, void (*)(unsigned char*)> owner(
      octets, [](unsigned char* memory) { OPENSSL_free(memory); });
  return {octets, octets + length};
}

void set_common_name(X509_NAME* name, const std::string& text) {
  required(X509_NAME_add_entry_by_txt(
      name, "CN", MBSTRING_UTF8, reinterpret_cast<const unsigned char*>(text.c_str()), -1, -1, 0));
}

Certificate certify(EVP_PKEY* key, const std::string& subject, const std::string& issuer,
                    EVP_PKEY* issuer_key, long serial, int days) {
  Certificate certificate(required(X509_new_ex(openssl_context(), nullptr)));
  required(X509_set_version(certificate.get(), X509_VERSION_3));
  required(ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), serial));
  constexpr long kDay = 24L * 60 * 60;
  required(X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -kDay));
  required(X509_gmtime_adj(X509_getm_notAfter(certificate.get()), days * kDay));
  set_common_name(X509_get_subject_name(certificate.get()), subject);
  set_common_name(X509_get_issuer_name(certificate.get()), issuer);
  required(X509_set_pubkey(certificate.get(), key));
  required(X509_sign(certificate.get(), issuer_key, EVP_sha256()));
  return certificate;
}

// Null for kNone.
const EVP_MD* message_digest(crypto::Hash hash) {
  return hash == crypto::Hash::kNone ? nullptr
                                     : EVP_get_digestbyname(crypto::row_of(hash).openssl_name);
}

Bytes p1363(const Bytes& encoded, int field) {
  const unsigned char* cursor = encoded.data();
  const std::unique_ptr<ECDSA_SIG, Freer<ECDSA_SIG, ECDSA_SIG_free>> pair(
      required(d2i_ECDSA_SIG(nullptr, &cursor, static_cast<long>(encoded.size()))));
  Bytes out(2 * static_cast<std::size_t>(field));
  required(BN_bn2binpad(ECDSA_SIG_get0_r(pair.get()), out.data(), field));
  required(BN_bn2binpad(ECDSA_SIG_get0_s(pair.get()), out.data() + field, field));
  return out;
}

Bytes sign_message(EVP_PKEY* key, const Bytes& message) {
  const MessageContext context(required(EVP_MD_CTX_new()));
  required(EVP_DigestSignInit_ex(context.get(), nullptr, nullptr, openssl_context(), nullptr, key,
                                 nullptr));
  Bytes signature(static_cast<std::size_t>(EVP_PKEY_get_size(key)));
  std::size_t length = signature.size();
  required(
      EVP_DigestSign(context.get(), signature.data(), &length, message.data(), message.size()));
  signature.resize(length);
  return signature;
}

Bytes sign_digest(EVP_PKEY* key, const crypto::DigestToSign& what) {
  if (what.scheme->signs_message) {
    return sign_message(key, what.digest);
  }
  const KeyContext context(required(EVP_PKEY_CTX_new_from_pkey(openssl_context(), key, nullptr)));
  required(EVP_PKEY_sign_init(context.get()));
  if (what.scheme == &crypto::rsa_pkcs1::kScheme) {
    required(EVP_PKEY_CTX_set_rsa_padding(context.get(), RSA_PKCS1_PADDING));
  }
  if (what.scheme == &crypto::rsa_pss::kScheme) {
    required(EVP_PKEY_CTX_set_rsa_padding(context.get(), RSA_PKCS1_PSS_PADDING));
    required(
        EVP_PKEY_CTX_set_rsa_pss_saltlen(context.get(), static_cast<int>(what.pss->salt_length)));
    required(EVP_PKEY_CTX_set_rsa_mgf1_md(context.get(), message_digest(what.pss->mgf_hash)));
  }
  if (what.hash != crypto::Hash::kNone) {
    required(EVP_PKEY_CTX_set_signature_md(context.get(), message_digest(what.hash)));
  }
  std::size_t length = 0;
  required(EVP_PKEY_sign(context.get(), nullptr, &length, what.digest.data(), what.digest.size()));
  Bytes signature(length);
  required(EVP_PKEY_sign(context.get(), signature.data(), &length, what.digest.data(),
                         what.digest.size()));
  signature.resize(length);
  constexpr int kP256Field = 32;
  return what.scheme == &crypto::ecdsa::kScheme ? p1363(signature, kP256Field) : signature;
}

}  // namespace

struct LocalSigningService::Keys {
  Key root = make_key(&crypto::kEc);
  Key intermediate = make_key(&crypto::kEc);
  std::shared_ptr<const Bytes> root_der;
  std::shared_ptr<const Bytes> intermediate_der;
  std::map<std::string, Key> by_signer;
  long next_serial = 1;
};

LocalSigningService::LocalSigningService() : keys_(std::make_unique<Keys>()) {
  const OpensslSection section;
  constexpr int kYears = 3650;
  const auto root = certify(keys_->root.get(), "Test Root", "Test Root", keys_->root.get(),
                            keys_->next_serial++, kYears);
  const auto intermediate = certify(keys_->intermediate.get(), "Test Issuing", "Test Root",
                                    keys_->root.get(), keys_->next_serial++, kYears);
  keys_->root_der = std::make_shared<const Bytes>(der(i2d_X509, root.get()));
  keys_->intermediate_der = std::make_shared<const Bytes>(der(i2d_X509, intermediate.get()));
}

LocalSigningService::~LocalSigningService() = default;

void LocalSigningService::issue(const NewSigner& signer) {
  const std::lock_guard lock(mutex_);
  const OpensslSection section;
  Key key = make_key(signer.kind);
  const long serial = keys_->next_serial++;
  const auto leaf = certify(key.get(), "Code of " + signer.name, "Test Issuing",
                            keys_->intermediate.get(), serial, signer.days);
  remote::SignerRecord record;
  record.id = "id-of-" + signer.name;
  record.number = signer.number;
  record.name = signer.name;
  record.status = remote::SignerStatus::kActive;
  record.public_key = der(i2d_PUBKEY, key.get());
  record.certificate = der(i2d_X509, leaf.get());
  record.certificate_serial = "0" + std::to_string(serial);
  record.not_after = signer.not_after;
  record.issuers = {keys_->intermediate_der, keys_->root_der};
  keys_->by_signer[signer.name] = std::move(key);
  records_[signer.number] = std::move(record);
  ++version_;
}

void LocalSigningService::set_status(std::uint32_t number, remote::SignerStatus status) {
  const std::lock_guard lock(mutex_);
  records_.at(number).status = status;
  ++version_;
}

void LocalSigningService::remove(std::uint32_t number) {
  const std::lock_guard lock(mutex_);
  records_.erase(number);
  ++version_;
}

void LocalSigningService::break_certificate(std::uint32_t number) {
  constexpr std::ptrdiff_t kHeader = 4;
  const std::lock_guard lock(mutex_);
  Bytes& certificate = records_.at(number).certificate;
  std::fill(certificate.begin() + kHeader, certificate.end(), 0);
  ++version_;
}

void LocalSigningService::accept(const std::string& api_key) {
  const std::lock_guard lock(mutex_);
  accepted_.push_back(api_key);
}

Result<std::unique_ptr<remote::Catalogue>> LocalSigningService::fetch_catalogue(
    const remote::Credential& credential, const std::optional<std::string>& held) {
  ++fetches;
  last_held = held;
  if (unreachable) {
    return fail(Error::tell(CKR_DEVICE_ERROR, "the control plane cannot be reached"));
  }
  const std::lock_guard lock(mutex_);
  if (std::find(accepted_.begin(), accepted_.end(), credential.bearer().reveal()) ==
      accepted_.end()) {
    return fail(Error::tell(CKR_USER_NOT_LOGGED_IN, "the API key is not known"));
  }
  const std::string current = std::to_string(version_);
  if (held == current) {
    return std::unique_ptr<remote::Catalogue>{};
  }
  auto catalogue = std::make_unique<remote::Catalogue>();
  for (const auto& [number, record] : records_) {
    catalogue->signers.push_back(record);
  }
  catalogue->etag = current;
  return catalogue;
}

Result<remote::Signed> LocalSigningService::sign(const remote::Credential& credential,
                                                 const std::string& signer,
                                                 const std::string& certificate_serial,
                                                 const crypto::DigestToSign& what) {
  const int count = ++signatures;
  if (before_signing) {
    before_signing();
  }
  if (unreachable) {
    return fail(Error::tell(CKR_DEVICE_ERROR, "the control plane cannot be reached"));
  }
  const std::lock_guard lock(mutex_);
  last_api_key = credential.bearer().reveal();
  const auto record = std::find_if(records_.begin(), records_.end(),
                                   [&](const auto& entry) { return entry.second.name == signer; });
  if (record == records_.end()) {
    return fail(Error::tell(CKR_DEVICE_REMOVED, "no signer " + signer));
  }
  if (record->second.certificate_serial != certificate_serial) {
    return fail(Error::tell(CKR_FUNCTION_REJECTED, "the certificate changed"));
  }
  if (record->second.status != remote::SignerStatus::kActive) {
    return fail(Error::tell(CKR_FUNCTION_REJECTED, "the signer is disabled"));
  }
  const OpensslSection section;
  Bytes signature = sign_digest(keys_->by_signer.at(signer).get(), what);
  if (spoil) {
    spoil(signature);
  }
  return remote::Signed{std::move(signature), "operation-" + std::to_string(count)};
}

}  // namespace sealwright::test
