#include "token/fingerprint.h"

#include <utility>

#include "crypto/digest.h"

namespace sealwright::token {

Result<Bytes> fingerprint(crypto::DigestAlgorithm algorithm, ByteView content) {
  auto digest = crypto::Digest::start(algorithm);
  if (!digest) {
    return fail(std::move(digest).error());
  }
  return digest->update(content).and_then([&digest] { return digest->finish(); });
}

Result<std::string> serial_number(std::string_view identity) {
  constexpr std::size_t kDigits = 16;
  return fingerprint(crypto::DigestAlgorithm::kSha256, as_bytes(identity))
      .map([](const Bytes& hash) { return to_hex(hash).substr(0, kDigits); });
}

}  // namespace sealwright::token
