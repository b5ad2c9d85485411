// A public key that the control plane sent, and a signature that it claims to be by it.
#include "crypto/public_key.h"
#include "fuzz/input.h"

namespace {

using sealwright::Bytes;
using sealwright::ByteView;
using sealwright::crypto::DigestToSign;
using sealwright::crypto::Hash;
using sealwright::crypto::PssParameters;
using sealwright::crypto::PublicKey;
using sealwright::fuzz::Input;
using sealwright::fuzz::require;

// As long as the key's signatures are, so that the length alone does not refuse it.
Bytes signature_from(Input& input, std::size_t length) {
  const ByteView octets = input.rest();
  Bytes signature(length);
  std::copy_n(octets.begin(), std::min(octets.size(), length), signature.begin());
  return signature;
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input(data, size);
  const ByteView spki = input.octets(input.number<std::uint16_t>());
  const auto parsed = PublicKey::parse(spki);
  if (!parsed) return 0;
  const PublicKey& key = **parsed;
  require(std::equal(spki.begin(), spki.end(), key.spki().begin(), key.spki().end()),
          "the key is what was sent");
  require(key.key_identifier().size() == 20, "an identifier is a SHA-1");
  require(!key.attributes().empty(), "a key has something to show");
  for (const auto& attribute : key.attributes()) {
    require(!attribute.value.empty(), "and shows it");
  }
  if (const Bytes* modulus = key.attribute(CKA_MODULUS)) {
    require(key.bits() >= 2048 && key.bits() <= 4096, "RSA has its limits");
    require(modulus->size() == key.signature_length() && modulus->front() != 0,
            "a modulus has no leading zero");
  }
  DigestToSign what;
  what.digest = Bytes(32, 0x5a);
  const Bytes signature = signature_from(input, key.signature_length());
  for (const auto* kind : sealwright::crypto::kKeyKinds) {
    for (const auto& mechanism : kind->mechanisms) {
      what.scheme = mechanism.scheme;
      what.hash = mechanism.hash;
      what.pss = PssParameters{Hash::kSha256, 32};
      const bool own = kind == &key.kind();
      require(own || !key.verify(what, signature), "a scheme is for its own kind of key");
      (void)key.verify(what, signature);
    }
  }
  return 0;
}
