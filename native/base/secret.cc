#include "base/secret.h"

#include <openssl/crypto.h>

#include <utility>

namespace sealwright {
namespace {

void wipe(std::string& text) {
  // The whole capacity: a string that shrank, or was moved from, leaves its octets behind.
  text.resize(text.capacity());
  OPENSSL_cleanse(text.data(), text.size());
  text.clear();
}

}  // namespace

Secret::Secret(std::string_view value) : value_(value) {}
Secret::Secret(const Secret& other) = default;

Secret::Secret(Secret&& other) noexcept {
  value_.swap(other.value_);  // a plain move would leave a short value behind unwiped
  wipe(other.value_);
}

Secret Secret::adopt(std::string& text) {
  Secret secret;
  secret.value_.swap(text);
  wipe(text);
  return secret;
}

Secret& Secret::operator=(Secret other) noexcept {
  value_.swap(other.value_);
  return *this;
}

Secret::~Secret() { wipe(value_); }

bool operator==(const Secret& left, const Secret& right) {
  return left.value_.size() == right.value_.size() &&
         CRYPTO_memcmp(left.value_.data(), right.value_.data(), left.value_.size()) == 0;
}

}  // namespace sealwright
