// A string that is wiped when it dies and never prints itself.
#pragma once

#include <string>
#include <string_view>

namespace sealwright {

class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string_view value);
  // Takes the text over without leaving a copy; `text` is empty afterwards.
  static Secret adopt(std::string& text);
  Secret(const Secret& other);
  Secret(Secret&& other) noexcept;
  Secret& operator=(Secret other) noexcept;
  ~Secret();

  [[nodiscard]] std::string_view reveal() const { return value_; }
  [[nodiscard]] bool empty() const { return value_.empty(); }
  friend bool operator==(const Secret& left, const Secret& right);  // constant time for equal sizes

 private:
  std::string value_;
};

}  // namespace sealwright
