// The answer to a call to sign.
#include "fuzz/input.h"
#include "remote/wire.h"

using sealwright::fuzz::Input;
using sealwright::fuzz::require;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto made = sealwright::remote::parse_signed(Input(data, size).rest_as_text());
  if (made) {
    require(!made->signature.empty() && made->signature.size() <= 4096,
            "a signature has its limits");
    require(made->operation_id.empty() || sealwright::remote::is_record_id(made->operation_id),
            "what is logged is an identifier");
    require(made->receipt.size() <= 262'144, "so has a receipt");
  } else {
    require(made.error().rv == CKR_DEVICE_ERROR, "nonsense is the device's fault");
  }
  return 0;
}
