// Text of others: is it UTF-8, how long is it, and where may it be cut.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace sealwright {

// Octets of the well-formed UTF-8 character at the front of `text`, which is not empty; 0: none.
std::size_t character_length(std::string_view text);

// In code points; nullopt where `text` is not well-formed.
std::optional<std::size_t> count_characters(std::string_view text);

// The whole text, or as many whole characters as fit into `limit` octets, and "…".
std::string shortened(std::string_view text, std::size_t limit);

}  // namespace sealwright
