// A certificate that the control plane sent.
#include "crypto/certificate.h"
#include "fuzz/input.h"

using sealwright::crypto::Certificate;
using sealwright::fuzz::Input;
using sealwright::fuzz::is_utf8;
using sealwright::fuzz::require;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const sealwright::ByteView der = Input(data, size).rest();
  const auto certificate = Certificate::parse(der);
  if (!certificate) return 0;
  require(std::equal(der.begin(), der.end(), certificate->der.begin(), certificate->der.end()),
          "the value is what was sent");
  require(certificate->key_identifier.size() == 20, "an identifier is a SHA-1");
  require(is_utf8(certificate->common_name), "a label is UTF-8");
  const auto is_digit = [](unsigned char c) { return c >= '0' && c <= '9'; };
  for (const CK_DATE& date : {certificate->not_before, certificate->not_after}) {
    require(std::all_of(std::begin(date.year), std::end(date.year), is_digit) &&
                std::all_of(std::begin(date.month), std::end(date.month), is_digit) &&
                std::all_of(std::begin(date.day), std::end(date.day), is_digit),
            "a date is made of digits");
  }
  return 0;
}
