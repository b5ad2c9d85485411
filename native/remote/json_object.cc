#include "remote/json_object.h"

#include <algorithm>
#include <boost/json/basic_parser_impl.hpp>
#include <functional>
#include <limits>
#include <utility>

namespace sealwright::remote {

namespace json = boost::json;

namespace {

constexpr std::size_t kDepth = 16;

}  // namespace

// What the parser meets, in the order of the text. Depths: 1 in the object, 2 in a list that is a
// member of it, 3 in an object of such a list, 4 in a list that is a member of that one.
class JsonHandler {
 public:
  // Asked for by boost::json::basic_parser: no limits of its own.
  static constexpr std::size_t max_object_size = std::numeric_limits<std::size_t>::max();
  static constexpr std::size_t max_array_size = max_object_size;
  static constexpr std::size_t max_key_size = max_object_size;
  static constexpr std::size_t max_string_size = max_object_size;

  JsonHandler(JsonObject& object, std::string_view whole, const JsonObject::OnElement& on_element)
      : object_(object), whole_(whole), on_element_(on_element) {}

  bool on_document_begin(json::error_code&) { return true; }
  bool on_document_end(json::error_code&) { return true; }

  bool on_object_begin(json::error_code&) {
    value({.kind = JsonValue::Kind::kOther}, true);
    ++depth_;
    if (depth_ == 1) object_.is_object_ = true;
    if (depth_ == kElement && in_list_) {
      in_element_ = true;
      element_.members_.clear();
    }
    return true;
  }
  bool on_object_end(std::size_t, json::error_code&) {
    if (depth_ == kElement && in_element_) {
      in_element_ = false;
      if (on_element_) on_element_(object_.members_.members_.back().name, &element_);
    }
    --depth_;
    return true;
  }

  bool on_array_begin(json::error_code&) {
    value({.kind = JsonValue::Kind::kList});
    ++depth_;
    if (depth_ == kList) in_list_ = object_.is_object_;
    return true;
  }
  bool on_array_end(std::size_t, json::error_code&) {
    if (depth_ == kList) in_list_ = false;
    --depth_;
    return true;
  }

  bool on_key_part(json::string_view part, std::size_t, json::error_code&) { return collect(part); }
  bool on_key(json::string_view last, std::size_t, json::error_code&) {
    const std::string_view name = text_of(last);
    if (JsonMembers* owner = members_here(depth_)) owner->members_.push_back({name, {}});
    return true;
  }

  bool on_string_part(json::string_view part, std::size_t, json::error_code&) {
    return collect(part);
  }
  bool on_string(json::string_view last, std::size_t, json::error_code&) {
    return value({.kind = JsonValue::Kind::kText, .text = text_of(last)});
  }

  bool on_number_part(json::string_view, json::error_code&) { return true; }
  bool on_int64(std::int64_t number, json::string_view, json::error_code&) {
    return value({.kind = JsonValue::Kind::kInteger, .integer = number});
  }
  bool on_uint64(std::uint64_t, json::string_view, json::error_code&) { return other(); }
  bool on_double(double, json::string_view, json::error_code&) { return other(); }
  bool on_bool(bool, json::error_code&) { return other(); }
  bool on_null(json::error_code&) { return value({.kind = JsonValue::Kind::kNull}); }
  bool on_comment_part(json::string_view, json::error_code&) { return true; }
  bool on_comment(json::string_view, json::error_code&) { return true; }

 private:
  static constexpr unsigned kList = 2;
  static constexpr unsigned kElement = 3;

  // The members that stand at this depth; null where nobody looks.
  JsonMembers* members_here(unsigned depth) {
    if (depth == 1 && object_.is_object_) return &object_.members_;
    return depth == kElement && in_element_ ? &element_ : nullptr;
  }

  bool collect(json::string_view part) {
    parts_.append(part.data(), part.size());
    return true;
  }

  // A text that has no escapes stays where it is.
  std::string_view text_of(json::string_view last) {
    const std::string_view view(last.data(), last.size());
    const bool in_place =
        parts_.empty() && std::less_equal<>()(whole_.data(), view.data()) &&
        std::less_equal<>()(view.data() + view.size(), whole_.data() + whole_.size());
    if (in_place) return view;
    collect(last);
    object_.unescaped_.push_back(std::exchange(parts_, {}));
    return object_.unescaped_.back();
  }

  bool other() { return value({.kind = JsonValue::Kind::kOther}); }

  // Of a member, in a list that is one, or of no interest. A list or an object begins with this.
  bool value(JsonValue value, bool is_object = false) {
    if (JsonMembers* owner = members_here(depth_)) {
      owner->members_.back().value = std::move(value);
      return true;
    }
    JsonMembers* owner = depth_ > 0 ? members_here(depth_ - 1) : nullptr;
    if (owner == nullptr || owner->members_.back().value.kind != JsonValue::Kind::kList) {
      return true;
    }
    auto& [name, list] = owner->members_.back();
    if (value.kind == JsonValue::Kind::kText) {
      list.texts.push_back(value.text);
    } else {
      list.only_texts = false;
    }
    if (depth_ == kList && !is_object && on_element_) on_element_(name, nullptr);
    return true;
  }

  JsonObject& object_;
  const std::string_view whole_;
  const JsonObject::OnElement& on_element_;
  JsonMembers element_;
  std::string parts_;  // of a text that has escapes
  unsigned depth_ = 0;
  bool in_list_ = false;
  bool in_element_ = false;
};

const JsonValue* JsonMembers::find(std::string_view name) const {
  const auto found = std::find_if(members_.rbegin(), members_.rend(),
                                  [name](const Member& one) { return one.name == name; });
  return found == members_.rend() ? nullptr : &found->value;
}

JsonObject::JsonObject(std::string_view text, const OnElement& on_element) {
  json::parse_options options;
  options.max_depth = kDepth;
  json::basic_parser<JsonHandler> parser(options, *this, text, on_element);
  json::error_code fault;
  const std::size_t used = parser.write_some(false, text.data(), text.size(), fault);
  is_json_ = !fault && used == text.size() && parser.done();
}

}  // namespace sealwright::remote
