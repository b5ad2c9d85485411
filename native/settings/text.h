// What people write around a value.
#pragma once

#include <string>
#include <string_view>

namespace sealwright::settings {

// Without blanks and line ends around it, nor the mark that some editors put before all text.
std::string_view trimmed(std::string_view text);

// A path that starts anywhere but at the root starts at `folder`.
std::string absolute(std::string_view path, const std::string& folder);

// Of this process; "" where it cannot be had.
std::string current_folder();

}  // namespace sealwright::settings
