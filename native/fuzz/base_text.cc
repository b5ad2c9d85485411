// Base64, and what is shown to people: no API key and no control character gets through.
#include <algorithm>
#include <cctype>

#include "base/redact.h"
#include "fuzz/input.h"

using sealwright::Bytes;
using sealwright::fuzz::Input;
using sealwright::fuzz::require;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = Input(data, size).rest_as_text();

  if (const auto decoded = sealwright::from_base64(text)) {
    require(sealwright::to_base64(*decoded) == text, "one text for each octet string");
  }
  const std::string encoded = sealwright::to_base64(sealwright::as_bytes(text));
  const auto back = sealwright::from_base64(encoded);
  require(back && *back == Bytes(data, data + size), "what was encoded is decoded");

  const std::string masked = sealwright::mask_credentials(text);
  for (std::size_t at = 0; at + 47 <= masked.size(); ++at) {
    require(!sealwright::is_api_key(std::string_view(masked).substr(at, 47)),
            "no API key is shown");
  }

  for (const std::string_view prefix : {"swk_", "swe_", "swt_"}) {
    for (std::size_t at = masked.find(prefix); at != std::string::npos;
         at = masked.find(prefix, at + 1)) {
      const auto next = static_cast<unsigned char>(masked.c_str()[at + prefix.size()]);
      require(std::isalnum(next) == 0 || masked.find("sw", at + 1) == at + prefix.size(),
              "nor any of a code or token");
    }
  }

  const std::string escaped = sealwright::escape_controls(masked);
  require(std::none_of(escaped.begin(), escaped.end(),
                       [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }),
          "one line, without control characters");
  require(sealwright::escape_controls(escaped) == escaped, "an escaped text has nothing to escape");
  return 0;
}
