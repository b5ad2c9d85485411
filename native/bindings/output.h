// Memory that a module writes to, with its length in and out, watched for writes past its end.
#pragma once

#include <p11-kit/pkcs11.h>

#include <algorithm>
#include <array>
#include <optional>
#include <span>
#include <stdexcept>
#include <vector>

namespace sealwright::bindings {

// `capacity` elements; none: a null pointer, so that the call asks for the length only. `length` is
// what the module is told, the capacity (or 0) unless given; after the call it is what the module
// answered. `null_length` passes a null pointer for the length itself.
template <typename Element>
class Output {
 public:
  Output(std::optional<CK_ULONG> capacity, std::optional<CK_ULONG> length, bool null_length)
      : capacity_(capacity),
        length_(length.value_or(capacity.value_or(0))),
        null_length_(null_length),
        memory_(capacity.value_or(0) + guard_elements, guard) {}

  [[nodiscard]] Element* data() { return capacity_ ? memory_.data() : nullptr; }
  [[nodiscard]] CK_ULONG* length_pointer() { return null_length_ ? nullptr : &length_; }
  [[nodiscard]] CK_ULONG capacity() const { return capacity_.value_or(0); }
  [[nodiscard]] CK_ULONG length() const { return length_; }

  // What the module wrote. Throws when it claims more than it was given room for.
  [[nodiscard]] std::span<const Element> written() const {
    if (!capacity_ || length_ > *capacity_) {
      throw std::length_error("the module answered a length beyond the buffer's capacity");
    }
    return {memory_.data(), length_};
  }

  // Did the module write past the capacity?
  [[nodiscard]] bool overrun() const {
    return !std::all_of(memory_.end() - guard_elements, memory_.end(),
                        [](Element element) { return element == guard; });
  }

  // Did the module write anything at all?
  [[nodiscard]] bool untouched() const {
    return std::all_of(memory_.begin(), memory_.end(),
                       [](Element element) { return element == guard; });
  }

 private:
  static constexpr int guard_elements = 32;
  static constexpr auto guard = static_cast<Element>(0xA5A5A5A5A5A5A5A5U);

  std::optional<CK_ULONG> capacity_;
  CK_ULONG length_;
  bool null_length_;
  std::vector<Element> memory_;
};

using Buffer = Output<CK_BYTE>;
using Numbers = Output<CK_ULONG>;

}  // namespace sealwright::bindings
