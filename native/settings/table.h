// Every setting of the module, once: its names, how it is written, what it means. What reads the
// file and the variables goes by these rows, and so does the table in docs/module.md.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "base/settings.h"

namespace sealwright::settings {

// What file and variables have said so far.
struct Draft {
  Settings settings;
  std::string api_key_file;  // empty: none named
};

// How a value is written, and which alternative of Value it becomes.
enum class Form {
  kFlag,
  kNumber,
  kSeconds,
  kText,   // without blanks and line ends around it, and not empty
  kPath,   // the same, made absolute: from the folder of the file that names it
  kTexts,  // one or a list; in a variable with commas
};
using Value = std::variant<bool, std::int64_t, double, std::string, std::vector<std::string>>;

struct Row {
  const char* key;  // "url"; "tls.ca_file" for ca_file under [tls]
  const char* variable;
  Form form;
  const char* expected;                     // after "must be"
  const char* otherwise;                    // where nothing is said, in words
  const char* meaning;                      // both as docs/module.md has them
  bool (*take)(Value& value, Draft& into);  // false, and nothing is taken: it does not fit
};

std::span<const Row> table();

}  // namespace sealwright::settings
