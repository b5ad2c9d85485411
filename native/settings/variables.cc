#include "settings/variables.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <string_view>
#include <utility>

#include "settings/text.h"

namespace sealwright::settings {
namespace {

template <typename Number>
std::optional<Value> to_number(std::string_view text) {
  Number number{};
  const char* const last = text.data() + text.size();
  const auto [end, fault] = std::from_chars(text.data(), last, number);
  return fault == std::errc() && end == last ? std::optional<Value>(number) : std::nullopt;
}

std::optional<Value> to_flag(std::string_view text) {
  constexpr std::array<std::pair<std::string_view, bool>, 8> kWords{{{"true", true},
                                                                     {"1", true},
                                                                     {"yes", true},
                                                                     {"on", true},
                                                                     {"false", false},
                                                                     {"0", false},
                                                                     {"no", false},
                                                                     {"off", false}}};
  std::string word(text);
  for (char& letter : word) {
    if (letter >= 'A' && letter <= 'Z') letter = static_cast<char>(letter - 'A' + 'a');
  }
  for (const auto& [known, on] : kWords) {
    if (known == word) return on;
  }
  return std::nullopt;
}

std::optional<Value> to_texts(std::string_view text) {
  std::vector<std::string> texts;
  while (!text.empty()) {
    const std::string_view item = text.substr(0, text.find(','));
    text.remove_prefix(std::min(item.size() + 1, text.size()));
    if (!trimmed(item).empty()) texts.emplace_back(trimmed(item));
  }
  return texts.empty() ? std::nullopt : std::optional<Value>(std::move(texts));
}

std::optional<Value> to_value(const std::string& text, Form form) {
  switch (form) {
    case Form::kFlag:
      return to_flag(text);
    case Form::kNumber:
      return to_number<std::int64_t>(text);
    case Form::kSeconds:
      return to_number<double>(text);
    case Form::kText:
      return text;
    case Form::kPath:
      return absolute(text, current_folder());
    case Form::kTexts:
      return to_texts(text);
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::string> variable(const char* name) {
  const char* const value = ::secure_getenv(name);
  if (value == nullptr || trimmed(value).empty()) return std::nullopt;
  return std::string(trimmed(value));
}

Result<std::vector<std::string>> apply_variables(Draft& draft) {
  std::vector<std::string> set;
  for (const Row& row : table()) {
    const std::optional<std::string> text = variable(row.variable);
    if (!text) continue;
    std::optional<Value> value = to_value(*text, row.form);
    if (!value || !row.take(*value, draft)) {
      return fail(
          Error::tell(CKR_GENERAL_ERROR, std::string(row.variable) + " must be " + row.expected));
    }
    set.emplace_back(row.variable);
  }
  return set;
}

}  // namespace sealwright::settings
