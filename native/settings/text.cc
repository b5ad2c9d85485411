#include "settings/text.h"

#include <filesystem>
#include <system_error>

namespace sealwright::settings {

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kMark = "\xEF\xBB\xBF";
  constexpr std::string_view kSpace = " \t\r\n\f\v";
  if (text.starts_with(kMark)) text.remove_prefix(kMark.size());
  const std::size_t start = text.find_first_not_of(kSpace);
  if (start == std::string_view::npos) return "";
  return text.substr(start, text.find_last_not_of(kSpace) - start + 1);
}

std::string absolute(std::string_view path, const std::string& folder) {
  if (path.starts_with('/') || folder.empty()) return std::string(path);
  std::string whole = folder;
  if (!whole.ends_with('/')) whole += '/';
  return whole.append(path);
}

std::string current_folder() {
  std::error_code fault;
  return std::filesystem::current_path(fault);
}

}  // namespace sealwright::settings
