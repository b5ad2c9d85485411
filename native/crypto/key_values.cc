#include "crypto/key_values.h"

#include <openssl/bn.h>

#include <algorithm>
#include <cstring>

namespace sealwright::crypto {

bool begins_with(ByteView octets, ByteView beginning) {
  return octets.size() >= beginning.size() &&
         std::ranges::equal(octets.first(beginning.size()), beginning);
}

std::optional<Bytes> read_number(const EVP_PKEY* key, const char* name, std::size_t length) {
  BIGNUM* raw = nullptr;
  if (EVP_PKEY_get_bn_param(key, name, &raw) != 1) return std::nullopt;
  const Owned<BIGNUM, BN_free> number(raw);
  Bytes octets(length != 0 ? length : static_cast<std::size_t>(BN_num_bytes(number.get())));
  if (BN_bn2binpad(number.get(), octets.data(), static_cast<int>(octets.size())) < 0) {
    return std::nullopt;
  }
  return octets;
}

std::optional<Bytes> encode_by_type(const EVP_PKEY* key) {
  std::uint8_t* raw = nullptr;
  const int length = i2d_PublicKey(key, &raw);
  if (length <= 0) return std::nullopt;
  Bytes octets(raw, raw + length);
  OPENSSL_free(raw);
  return octets;
}

Bytes number_octets(CK_ULONG value) {
  Bytes octets(sizeof value);
  std::memcpy(octets.data(), &value, sizeof value);
  return octets;
}

}  // namespace sealwright::crypto
