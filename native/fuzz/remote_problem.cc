// A problem document, which may be any body at all.
#include "fuzz/input.h"
#include "remote/wire.h"

using sealwright::fuzz::Input;
using sealwright::fuzz::require;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto problem = sealwright::remote::parse_problem(Input(data, size).rest_as_text());
  require(problem.code.size() <= 64 && problem.request.size() <= 64, "codes and ids are short");
  require(problem.title.size() <= 500, "a sentence, not a book");
  return 0;
}
