// The answer to a call to sign.
#include "fuzz/input.h"
#include "remote/wire.h"

using sealwright::fuzz::Input;
using sealwright::fuzz::require;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto signature = sealwright::remote::parse_signature(Input(data, size).rest_as_text());
  if (signature) {
    require(!signature->empty() && signature->size() <= 4096, "a signature has its limits");
  } else {
    require(signature.error().rv == CKR_DEVICE_ERROR, "nonsense is the device's fault");
  }
  return 0;
}
