// A public key that the control plane sent, and a signature that it claims to be by it.
#include "crypto/public_key.h"
#include "fuzz/input.h"

namespace {

using sealwright::Bytes;
using sealwright::ByteView;
using sealwright::crypto::DigestToSign;
using sealwright::crypto::Hash;
using sealwright::crypto::KeyKind;
using sealwright::crypto::PublicKey;
using sealwright::crypto::Scheme;
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
  if (key.kind() == KeyKind::kRsa) {
    require(key.bits() >= 2048 && key.bits() <= 4096, "RSA has its limits");
    require(key.modulus().size() == key.signature_length() && key.modulus().front() != 0,
            "a modulus has no leading zero");
  } else {
    require(key.ec_point().size() > 2 && !key.ec_params().empty(), "EC has a point on a curve");
  }
  DigestToSign what;
  what.digest = Bytes(32, 0x5a);
  what.hash = Hash::kSha256;
  const Bytes signature = signature_from(input, key.signature_length());
  for (const Scheme scheme : {Scheme::kRsaPkcs1v15, Scheme::kRsaPss, Scheme::kEcdsa}) {
    what.scheme = scheme;
    what.pss.reset();
    if (scheme == Scheme::kRsaPss) what.pss = {Hash::kSha256, 32};
    (void)key.verify(what, signature);
  }
  what.scheme = Scheme::kRsaPkcs1v15;
  what.hash = Hash::kNone;
  what.pss.reset();
  (void)key.verify(what, signature);
  return 0;
}
