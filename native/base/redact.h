// What may be shown to people: text without API keys, and on one line.
#pragma once

#include <string>
#include <string_view>

namespace sealwright {

// True for the exact form of an API key: swk_ and 43 characters of [A-Za-z0-9].
bool is_api_key(std::string_view text);

// API keys (swk_), enrolment codes (swe_) and tokens (swt_): each such beginning with the letters
// and digits after it becomes "swk_***" and so on, whole or not.
std::string mask_credentials(std::string_view text);

// Control characters, and the Unicode direction and line controls that would let one line pass for
// another, become \xNN for each octet.
std::string escape_controls(std::string_view text);

}  // namespace sealwright
