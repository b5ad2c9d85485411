#include "bindings/every_function.h"

#include <array>
#include <stdexcept>
#include <type_traits>
#include <utility>

namespace sealwright::bindings {
namespace {

namespace py = pybind11;

struct PointerOf {
  void* operator()(std::monostate /*null*/) const { return nullptr; }
  void* operator()(CK_ULONG /*number*/) const {
    throw std::invalid_argument("a number stands where a pointer goes");
  }
  void* operator()(const py::bytes& octets) const {
    // The API takes non-const pointers, even to what it only reads.
    return const_cast<char*>(std::string_view(octets).data());
  }
  void* operator()(const py::bytearray& memory) const { return PyByteArray_AsString(memory.ptr()); }
  template <typename Given>
  void* operator()(Given* given) const {
    if constexpr (requires { given->get(); }) {
      return given->get();
    } else {
      return given->data();
    }
  }
};

template <typename Parameter>
Parameter as_parameter(const Argument& argument) {
  if constexpr (std::is_same_v<Parameter, CK_NOTIFY>) {
    if (!std::holds_alternative<std::monostate>(argument)) {
      throw std::invalid_argument("a callback is null here");
    }
    return nullptr;
  } else if constexpr (std::is_pointer_v<Parameter>) {
    return static_cast<Parameter>(std::visit(PointerOf{}, argument));
  } else {
    const auto* number = std::get_if<CK_ULONG>(&argument);
    if (number == nullptr) {
      throw std::invalid_argument("a pointer stands where a number goes");
    }
    return static_cast<Parameter>(*number);
  }
}

template <typename... Parameters, std::size_t... Places>
CK_RV call_with(const LoadedModule& module, CK_RV (*CK_FUNCTION_LIST::*function)(Parameters...),
                const std::vector<Argument>& arguments, std::index_sequence<Places...> /*places*/) {
  return module.call(function, as_parameter<Parameters>(arguments.at(Places))...);
}

template <typename... Parameters>
CK_RV call_with(const LoadedModule& module, CK_RV (*CK_FUNCTION_LIST::*function)(Parameters...),
                const std::vector<Argument>& arguments) {
  if (arguments.size() != sizeof...(Parameters)) {
    throw std::invalid_argument("the function takes " + std::to_string(sizeof...(Parameters)) +
                                " arguments, not " + std::to_string(arguments.size()));
  }
  return call_with(module, function, arguments, std::index_sequence_for<Parameters...>());
}

// Null for each pointer, 0 for each number.
template <typename... Parameters>
std::vector<Argument> nulls(CK_RV (*CK_FUNCTION_LIST::* /*function*/)(Parameters...)) {
  std::vector<Argument> arguments;
  for (const bool is_pointer : {std::is_pointer_v<Parameters>...}) {
    if (is_pointer) {
      arguments.emplace_back();
    } else {
      arguments.emplace_back(CK_ULONG{0});
    }
  }
  return arguments;
}

struct Entry {
  const char* name;
  bool (*present)(const CK_FUNCTION_LIST&);
  CK_RV (*call)(const LoadedModule&, const std::vector<Argument>&);
  std::vector<Argument> (*nulls)();
};

template <auto Function>
constexpr Entry entry(const char* name) {
  return {name, [](const CK_FUNCTION_LIST& list) { return list.*Function != nullptr; },
          [](const LoadedModule& module, const std::vector<Argument>& arguments) {
            return call_with(module, Function, arguments);
          },
          [] { return nulls(Function); }};
}

constexpr std::array every_function{
    entry<&CK_FUNCTION_LIST::C_Initialize>("C_Initialize"),
    entry<&CK_FUNCTION_LIST::C_Finalize>("C_Finalize"),
    entry<&CK_FUNCTION_LIST::C_GetInfo>("C_GetInfo"),
    entry<&CK_FUNCTION_LIST::C_GetFunctionList>("C_GetFunctionList"),
    entry<&CK_FUNCTION_LIST::C_GetSlotList>("C_GetSlotList"),
    entry<&CK_FUNCTION_LIST::C_GetSlotInfo>("C_GetSlotInfo"),
    entry<&CK_FUNCTION_LIST::C_GetTokenInfo>("C_GetTokenInfo"),
    entry<&CK_FUNCTION_LIST::C_GetMechanismList>("C_GetMechanismList"),
    entry<&CK_FUNCTION_LIST::C_GetMechanismInfo>("C_GetMechanismInfo"),
    entry<&CK_FUNCTION_LIST::C_InitToken>("C_InitToken"),
    entry<&CK_FUNCTION_LIST::C_InitPIN>("C_InitPIN"),
    entry<&CK_FUNCTION_LIST::C_SetPIN>("C_SetPIN"),
    entry<&CK_FUNCTION_LIST::C_OpenSession>("C_OpenSession"),
    entry<&CK_FUNCTION_LIST::C_CloseSession>("C_CloseSession"),
    entry<&CK_FUNCTION_LIST::C_CloseAllSessions>("C_CloseAllSessions"),
    entry<&CK_FUNCTION_LIST::C_GetSessionInfo>("C_GetSessionInfo"),
    entry<&CK_FUNCTION_LIST::C_GetOperationState>("C_GetOperationState"),
    entry<&CK_FUNCTION_LIST::C_SetOperationState>("C_SetOperationState"),
    entry<&CK_FUNCTION_LIST::C_Login>("C_Login"),
    entry<&CK_FUNCTION_LIST::C_Logout>("C_Logout"),
    entry<&CK_FUNCTION_LIST::C_CreateObject>("C_CreateObject"),
    entry<&CK_FUNCTION_LIST::C_CopyObject>("C_CopyObject"),
    entry<&CK_FUNCTION_LIST::C_DestroyObject>("C_DestroyObject"),
    entry<&CK_FUNCTION_LIST::C_GetObjectSize>("C_GetObjectSize"),
    entry<&CK_FUNCTION_LIST::C_GetAttributeValue>("C_GetAttributeValue"),
    entry<&CK_FUNCTION_LIST::C_SetAttributeValue>("C_SetAttributeValue"),
    entry<&CK_FUNCTION_LIST::C_FindObjectsInit>("C_FindObjectsInit"),
    entry<&CK_FUNCTION_LIST::C_FindObjects>("C_FindObjects"),
    entry<&CK_FUNCTION_LIST::C_FindObjectsFinal>("C_FindObjectsFinal"),
    entry<&CK_FUNCTION_LIST::C_EncryptInit>("C_EncryptInit"),
    entry<&CK_FUNCTION_LIST::C_Encrypt>("C_Encrypt"),
    entry<&CK_FUNCTION_LIST::C_EncryptUpdate>("C_EncryptUpdate"),
    entry<&CK_FUNCTION_LIST::C_EncryptFinal>("C_EncryptFinal"),
    entry<&CK_FUNCTION_LIST::C_DecryptInit>("C_DecryptInit"),
    entry<&CK_FUNCTION_LIST::C_Decrypt>("C_Decrypt"),
    entry<&CK_FUNCTION_LIST::C_DecryptUpdate>("C_DecryptUpdate"),
    entry<&CK_FUNCTION_LIST::C_DecryptFinal>("C_DecryptFinal"),
    entry<&CK_FUNCTION_LIST::C_DigestInit>("C_DigestInit"),
    entry<&CK_FUNCTION_LIST::C_Digest>("C_Digest"),
    entry<&CK_FUNCTION_LIST::C_DigestUpdate>("C_DigestUpdate"),
    entry<&CK_FUNCTION_LIST::C_DigestKey>("C_DigestKey"),
    entry<&CK_FUNCTION_LIST::C_DigestFinal>("C_DigestFinal"),
    entry<&CK_FUNCTION_LIST::C_SignInit>("C_SignInit"),
    entry<&CK_FUNCTION_LIST::C_Sign>("C_Sign"),
    entry<&CK_FUNCTION_LIST::C_SignUpdate>("C_SignUpdate"),
    entry<&CK_FUNCTION_LIST::C_SignFinal>("C_SignFinal"),
    entry<&CK_FUNCTION_LIST::C_SignRecoverInit>("C_SignRecoverInit"),
    entry<&CK_FUNCTION_LIST::C_SignRecover>("C_SignRecover"),
    entry<&CK_FUNCTION_LIST::C_VerifyInit>("C_VerifyInit"),
    entry<&CK_FUNCTION_LIST::C_Verify>("C_Verify"),
    entry<&CK_FUNCTION_LIST::C_VerifyUpdate>("C_VerifyUpdate"),
    entry<&CK_FUNCTION_LIST::C_VerifyFinal>("C_VerifyFinal"),
    entry<&CK_FUNCTION_LIST::C_VerifyRecoverInit>("C_VerifyRecoverInit"),
    entry<&CK_FUNCTION_LIST::C_VerifyRecover>("C_VerifyRecover"),
    entry<&CK_FUNCTION_LIST::C_DigestEncryptUpdate>("C_DigestEncryptUpdate"),
    entry<&CK_FUNCTION_LIST::C_DecryptDigestUpdate>("C_DecryptDigestUpdate"),
    entry<&CK_FUNCTION_LIST::C_SignEncryptUpdate>("C_SignEncryptUpdate"),
    entry<&CK_FUNCTION_LIST::C_DecryptVerifyUpdate>("C_DecryptVerifyUpdate"),
    entry<&CK_FUNCTION_LIST::C_GenerateKey>("C_GenerateKey"),
    entry<&CK_FUNCTION_LIST::C_GenerateKeyPair>("C_GenerateKeyPair"),
    entry<&CK_FUNCTION_LIST::C_WrapKey>("C_WrapKey"),
    entry<&CK_FUNCTION_LIST::C_UnwrapKey>("C_UnwrapKey"),
    entry<&CK_FUNCTION_LIST::C_DeriveKey>("C_DeriveKey"),
    entry<&CK_FUNCTION_LIST::C_SeedRandom>("C_SeedRandom"),
    entry<&CK_FUNCTION_LIST::C_GenerateRandom>("C_GenerateRandom"),
    entry<&CK_FUNCTION_LIST::C_GetFunctionStatus>("C_GetFunctionStatus"),
    entry<&CK_FUNCTION_LIST::C_CancelFunction>("C_CancelFunction"),
    entry<&CK_FUNCTION_LIST::C_WaitForSlotEvent>("C_WaitForSlotEvent"),
};

const Entry& find(const std::string& name) {
  for (const Entry& entry : every_function) {
    if (name == entry.name) {
      return entry;
    }
  }
  throw std::invalid_argument(name + " is no function of PKCS#11 2.40");
}

}  // namespace

std::vector<std::string> function_names() {
  std::vector<std::string> names;
  names.reserve(every_function.size());
  for (const Entry& entry : every_function) {
    names.emplace_back(entry.name);
  }
  return names;
}

std::vector<std::string> missing_functions(const LoadedModule& module) {
  std::vector<std::string> names;
  for (const Entry& entry : every_function) {
    if (!entry.present(module.functions())) {
      names.emplace_back(entry.name);
    }
  }
  return names;
}

CK_RV call(const LoadedModule& module, const std::string& name,
           const std::vector<Argument>& arguments) {
  return find(name).call(module, arguments);
}

CK_RV call_with_nulls(const LoadedModule& module, const std::string& name, CK_ULONG first) {
  const Entry& function = find(name);
  std::vector<Argument> arguments = function.nulls();
  if (std::holds_alternative<CK_ULONG>(arguments.front())) {
    arguments.front() = first;
  }
  return function.call(module, arguments);
}

}  // namespace sealwright::bindings
