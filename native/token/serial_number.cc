#include "token/serial_number.h"

#include "crypto/digest.h"

namespace sealwright::token {

Result<std::string> serial_number(std::string_view identity) {
  constexpr std::size_t kOctets = 8;
  return crypto::digest_of(crypto::Hash::kSha256, as_bytes(identity)).map([](const Bytes& hash) {
    return to_hex(ByteView(hash).first(kOctets));
  });
}

}  // namespace sealwright::token
