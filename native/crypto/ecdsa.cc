#include "crypto/ecdsa.h"

#include <openssl/bn.h>
#include <openssl/ec.h>

#include <algorithm>
#include <utility>

#include "crypto/openssl_call.h"

namespace sealwright::crypto::ecdsa {
namespace {

constexpr std::size_t kCapacity = 64;  // octets: the longest digest there is

// r‖s, each half of `signature`, as DER; empty when memory is out.
Bytes to_der(ByteView signature) {
  const auto half = static_cast<int>(signature.size() / 2);
  const Owned<ECDSA_SIG, ECDSA_SIG_free> pair(ECDSA_SIG_new());
  Owned<BIGNUM, BN_free> r(BN_bin2bn(signature.data(), half, nullptr));
  Owned<BIGNUM, BN_free> s(BN_bin2bn(signature.data() + half, half, nullptr));
  if (pair == nullptr || r == nullptr || s == nullptr) return {};
  ECDSA_SIG_set0(pair.get(), r.release(), s.release());
  const int length = i2d_ECDSA_SIG(pair.get(), nullptr);
  if (length <= 0) return {};
  Bytes der(static_cast<std::size_t>(length));
  std::uint8_t* end = der.data();
  i2d_ECDSA_SIG(pair.get(), &end);
  return der;
}

Result<DigestToSign> begin(const CK_MECHANISM& mechanism, Hash hash, const PublicKey& /*key*/) {
  return without_parameters(kScheme, mechanism, hash);
}

Result<DigestToSign> from_raw(DigestToSign form, Bytes raw) {
  if (raw.empty()) return fail(CKR_DATA_LEN_RANGE, "CKM_ECDSA needs a digest");
  if (const HashRow* row = signing_hash_of_length(raw.size())) form.hash = row->hash;
  form.digest = std::move(raw);
  return form;
}

Result<bool> verify(EVP_PKEY* key, const DigestToSign& what, ByteView signature) {
  const OpensslCall call;
  const PkeyContext context = call.use(key);
  const Bytes der = to_der(signature);
  if (context == nullptr || der.empty()) return out_of_memory();
  // Without a digest set, OpenSSL takes any length and truncates to the order itself.
  if (EVP_PKEY_verify_init_ex(context.get(), nullptr) != 1) {
    return fail(CKR_GENERAL_ERROR, "OpenSSL refused to verify ECDSA");
  }
  return EVP_PKEY_verify(context.get(), der.data(), der.size(), what.digest.data(),
                         what.digest.size()) == 1;
}

}  // namespace

std::optional<Bytes> lengthen(ByteView signature, std::size_t length) {
  if (signature.empty() || signature.size() % 2 != 0 || signature.size() > length) {
    return std::nullopt;
  }
  const std::size_t half = signature.size() / 2;
  Bytes padded(length);
  std::ranges::copy(signature.first(half), padded.begin() + static_cast<long>(length / 2 - half));
  std::ranges::copy(signature.last(half), padded.end() - static_cast<long>(half));
  return padded;
}

constinit const Scheme kScheme{
    .name = "ecdsa",
    .signs_message = false,
    .has_encodings = true,
    .begin = begin,
    .capacity = [](const DigestToSign&, const PublicKey&) { return kCapacity; },
    .from_raw = from_raw,
    .verify = verify,
};

}  // namespace sealwright::crypto::ecdsa
