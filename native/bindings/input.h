// What a call hands to a module. Each class keeps its own copy of the octets that the C structure
// points to, so that the pointers hold for as long as the object does.
#pragma once

#include <p11-kit/pkcs11.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bindings/output.h"

namespace sealwright::bindings {

// CK_MECHANISM; without `parameter` its pointer is null. `length` overrides ulParameterLen.
class Mechanism {
 public:
  Mechanism(CK_MECHANISM_TYPE type, std::optional<std::string> parameter,
            std::optional<CK_ULONG> length);

  Mechanism(const Mechanism&) = delete;
  Mechanism& operator=(const Mechanism&) = delete;
  Mechanism(Mechanism&&) = delete;
  Mechanism& operator=(Mechanism&&) = delete;
  ~Mechanism() = default;

  [[nodiscard]] CK_MECHANISM* get() { return &mechanism_; }

 private:
  std::optional<std::string> parameter_;
  CK_MECHANISM mechanism_;
};

// An array of CK_ATTRIBUTE: values to match or to set, and room to be filled.
class Template {
 public:
  // `value` none: a null pointer. `length` overrides ulValueLen.
  void add(CK_ATTRIBUTE_TYPE type, std::optional<std::string_view> value,
           std::optional<CK_ULONG> length);
  // `capacity` none: a null pointer, to ask for the length.
  void add_room(CK_ATTRIBUTE_TYPE type, std::optional<CK_ULONG> capacity,
                std::optional<CK_ULONG> length);

  [[nodiscard]] CK_ULONG count() const { return static_cast<CK_ULONG>(attributes_.size()); }
  // ulValueLen of one attribute: CK_UNAVAILABLE_INFORMATION where there is no value.
  [[nodiscard]] CK_ULONG length(std::size_t index) const;
  [[nodiscard]] std::span<const CK_BYTE> value(std::size_t index) const;
  [[nodiscard]] bool overrun() const;

  // Valid until the next add.
  [[nodiscard]] CK_ATTRIBUTE* get();

 private:
  std::vector<Buffer> memory_;
  std::vector<CK_ATTRIBUTE> attributes_;
};

// CK_C_INITIALIZE_ARGS with real mutexes: the first `mutex_functions` (0 to 4) of create, destroy,
// lock and unlock are given. `reserved` is what pReserved points to, as a number.
class InitializeArguments {
 public:
  InitializeArguments(CK_FLAGS flags, int mutex_functions, std::uintptr_t reserved);

  [[nodiscard]] CK_C_INITIALIZE_ARGS* get() { return &arguments_; }

 private:
  CK_C_INITIALIZE_ARGS arguments_;
};

}  // namespace sealwright::bindings
