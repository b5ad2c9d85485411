#include "settings/file.h"

#include <algorithm>
#include <limits>
#include <map>
#include <optional>
#include <string_view>
#include <utility>

#include "settings/text.h"
#include "settings/toml.h"
#include "settings/trusted_file.h"

namespace sealwright::settings {
namespace {

constexpr std::size_t kFileLimit = 1U << 20U;
constexpr std::size_t kLongestName = 32;  // of a signer: it is a token's label

bool is_signer_number(std::int64_t number) {
  return number >= 1 && number <= std::numeric_limits<std::int32_t>::max();
}

// A table in which settings stand.
bool is_section(std::string_view name) {
  const std::string prefix = std::string(name) + ".";
  return std::ranges::any_of(
      table(), [&prefix](const Row& row) { return std::string_view(row.key).starts_with(prefix); });
}

const Row* find_row(const std::string& prefix, std::string_view name) {
  if (name.find('.') != std::string_view::npos) return nullptr;  // a name in quotes
  const std::string key = prefix + std::string(name);
  const auto row = std::ranges::find_if(table(), [&key](const Row& row) { return key == row.key; });
  return row == table().end() ? nullptr : &*row;
}

std::optional<Value> to_text(const toml::node& node) {
  const auto* value = node.as_string();
  if (value == nullptr || trimmed(value->get()).empty()) return std::nullopt;
  return std::string(trimmed(value->get()));
}

std::optional<Value> to_texts(const toml::node& node) {
  std::vector<std::string> texts;
  const auto take = [&texts](const toml::node& one) {
    std::optional<Value> text = to_text(one);
    if (text) texts.push_back(std::get<std::string>(std::move(*text)));
    return text.has_value();
  };
  const auto* list = node.as_array();
  if (list == nullptr) return take(node) ? std::optional<Value>(texts) : std::nullopt;
  const bool all = std::all_of(list->begin(), list->end(), take);
  return all && !texts.empty() ? std::optional<Value>(texts) : std::nullopt;
}

std::optional<Value> to_value(const toml::node& node, Form form, const std::string& folder) {
  switch (form) {
    case Form::kFlag:
      return node.is_boolean() ? std::optional<Value>(node.as_boolean()->get()) : std::nullopt;
    case Form::kNumber:
      return node.is_integer() ? std::optional<Value>(node.as_integer()->get()) : std::nullopt;
    case Form::kSeconds:
      return node.is_number() ? std::optional<Value>(node.value_or(0.0)) : std::nullopt;
    case Form::kText:
      return to_text(node);
    case Form::kPath: {
      const std::optional<Value> text = to_text(node);
      if (!text) return std::nullopt;
      return absolute(std::get<std::string>(*text), folder);
    }
    case Form::kTexts:
      return to_texts(node);
  }
  return std::nullopt;
}

class File {
 public:
  File(std::string path, Draft& into) : path_(std::move(path)), into_(into) {
    const std::string whole = absolute(path_, current_folder());
    folder_ = whole.substr(0, whole.rfind('/') + 1);
  }

  Result<void> read(const toml::table& root) {
    for (const auto& [name, node] : root) {
      const bool signers = name.str() == "signers";
      if (!signers && !is_section(name.str())) {
        if (auto done = read_setting("", name.str(), node); !done) return done;
        continue;
      }
      const std::string section(name.str());
      const toml::table* entries = node.as_table();
      if (entries == nullptr) return fault(node, section + " must be a table");
      auto done = signers ? read_signers(*entries) : read_section(*entries, section + ".");
      if (!done) return done;
    }
    return {};
  }

  [[nodiscard]] tl::unexpected<Error> fault(const toml::node& node, const std::string& what) const {
    return at(node.source().begin.line, what);
  }
  [[nodiscard]] tl::unexpected<Error> at(std::size_t line, const std::string& what) const {
    return fail(Error::tell(CKR_GENERAL_ERROR, path_ + ":" + std::to_string(line) + ": " + what));
  }

 private:
  Result<void> read_section(const toml::table& entries, const std::string& prefix) {
    for (const auto& [name, node] : entries) {
      if (auto done = read_setting(prefix, name.str(), node); !done) return done;
    }
    return {};
  }

  // The value is not shown: it may be a key with one letter too many.
  Result<void> read_setting(const std::string& prefix, std::string_view name,
                            const toml::node& node) {
    const Row* row = find_row(prefix, name);
    const std::string key = prefix + std::string(name);
    if (row == nullptr) return fault(node, key + ": unknown key");
    std::optional<Value> value = to_value(node, row->form, folder_);
    if (!value || !row->take(*value, into_)) {
      return fault(node, key + " must be " + row->expected);
    }
    return {};
  }

  Result<void> read_signers(const toml::table& entries) {
    std::map<std::uint32_t, std::string> taken;
    for (const auto& [name, node] : entries) {
      const std::string full = "signers." + std::string(name.str());
      if (name.str().empty() || name.str().size() > kLongestName) {
        return fault(node, full + ": a signer's name has 1 to 32 characters");
      }
      const auto* number = node.as_integer();
      if (number == nullptr || !is_signer_number(number->get())) {
        return fault(node, full + " must be the signer's number");
      }
      const auto slot = static_cast<std::uint32_t>(number->get());
      if (!taken.emplace(slot, name.str()).second) {
        return fault(node, full + ": another signer has the same number");
      }
      into_.settings.signers.emplace(name.str(), slot);
    }
    return {};
  }

  std::string path_;
  std::string folder_;
  Draft& into_;
};

}  // namespace

Result<Draft> read_config_file(const std::string& path) {
  const Result<FileText> content = read_file(path, kFileLimit);
  if (!content) return fail(content.error());
  Draft draft;
  File file(path, draft);
  const toml::parse_result parsed = toml::parse(std::string_view(content->text));
  if (!parsed) {
    return file.at(parsed.error().source().begin.line, std::string(parsed.error().description()));
  }
  const toml::table& root = parsed.table();
  if (auto done = file.read(root); !done) return fail(done.error());
  const std::optional<Secret>& proxy = draft.settings.proxy.url;
  const bool has_password = proxy && proxy->reveal().find('@') != std::string_view::npos;
  if ((draft.settings.api_key || has_password) && content->readable_by_others) {
    return fail(too_open(path));
  }
  if (draft.settings.api_key && !draft.api_key_file.empty()) {
    return file.fault(*root.get("api_key_file"), "api_key and api_key_file: name one of them");
  }
  return draft;
}

}  // namespace sealwright::settings
