// A request for approval as the control plane tells it, which may be any body at all.
#include "fuzz/input.h"
#include "remote/wire.h"

using sealwright::fuzz::Input;
using sealwright::fuzz::is_utf8;
using sealwright::fuzz::require;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto request = sealwright::remote::parse_approval_request(Input(data, size).rest_as_text());
  if (!request) return 0;
  require(!request->id.empty() && request->id.size() <= 64, "an id fits into a path");
  for (const char c : request->id) require(c > ' ' && c != '/', "an id is one segment of a path");
  for (const auto* told : {&request->missing, &request->ended_by, &request->comment}) {
    require(told->size() <= 2'100, "sentences, not a book");
    require(is_utf8(*told), "what is told to a person is UTF-8");
  }
  return 0;
}
