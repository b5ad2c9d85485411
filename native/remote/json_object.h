// JSON as the control plane sends it, read without a tree: a list of a thousand signers is a
// megabyte, and a cold start has no time to copy it.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace sealwright::remote {

// What a member of an object is.
struct JsonValue {
  enum class Kind { kNull, kText, kInteger, kList, kOther };
  Kind kind = Kind::kOther;
  std::string_view text = {};                // kText
  std::int64_t integer = 0;                  // kInteger
  std::vector<std::string_view> texts = {};  // kList: those of its values that are texts
  bool only_texts = true;                    // kList: there are no others
};

class JsonMembers {
 public:
  // The last of this name; null if there is none.
  [[nodiscard]] const JsonValue* find(std::string_view name) const;

 private:
  friend class JsonHandler;
  struct Member {
    std::string_view name;
    JsonValue value;
  };
  std::vector<Member> members_;
};

class JsonObject {
 public:
  // An object in a list that is a member of the whole; null: a value of the list that is no object.
  // Lives until the call ends; its texts live on.
  using OnElement = std::function<void(std::string_view list, const JsonMembers* element)>;

  // `text` must outlive this: most texts stand where they stood.
  explicit JsonObject(std::string_view text, const OnElement& on_element = {});
  JsonObject(const JsonObject&) = delete;
  JsonObject& operator=(const JsonObject&) = delete;

  [[nodiscard]] bool is_json() const { return is_json_; }
  // Null: the whole is JSON, but no object.
  [[nodiscard]] const JsonMembers* members() const { return is_object_ ? &members_ : nullptr; }

 private:
  friend class JsonHandler;
  JsonMembers members_;
  std::deque<std::string> unescaped_;
  bool is_json_ = false;
  bool is_object_ = false;
};

}  // namespace sealwright::remote
