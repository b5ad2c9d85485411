#include "bindings/every_function.h"

#include <array>
#include <stdexcept>
#include <type_traits>
#include <utility>

#include "bindings/function_table.h"

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

template <typename List, typename... Parameters, std::size_t... Places>
CK_RV call_with(const LoadedModule& module, CK_RV (*List::*function)(Parameters...),
                const std::vector<Argument>& arguments, std::index_sequence<Places...> /*places*/) {
  return module.call(function, as_parameter<Parameters>(arguments.at(Places))...);
}

template <typename List, typename... Parameters>
CK_RV call_with(const LoadedModule& module, CK_RV (*List::*function)(Parameters...),
                const std::vector<Argument>& arguments) {
  if (arguments.size() != sizeof...(Parameters)) {
    throw std::invalid_argument("the function takes " + std::to_string(sizeof...(Parameters)) +
                                " arguments, not " + std::to_string(arguments.size()));
  }
  return call_with(module, function, arguments, std::index_sequence_for<Parameters...>());
}

// Null for each pointer, 0 for each number.
template <typename List, typename... Parameters>
std::vector<Argument> nulls(CK_RV (*List::* /*function*/)(Parameters...)) {
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

// Null where the module has no list of that version: then nothing is missing from it.
template <typename List, typename Pointer>
bool is_missing(const LoadedModule& module, Pointer List::*function) {
  const List* const list = module.list<List>();
  return list != nullptr && list->*function == nullptr;
}

struct Entry {
  const char* name;
  bool (*missing)(const LoadedModule&);
  CK_RV (*call)(const LoadedModule&, const std::vector<Argument>&);
  std::vector<Argument> (*nulls)();
};

template <auto Function>
constexpr Entry entry(const char* name) {
  return {name, [](const LoadedModule& module) { return is_missing(module, Function); },
          [](const LoadedModule& module, const std::vector<Argument>& arguments) {
            return call_with(module, Function, arguments);
          },
          [] { return nulls(Function); }};
}

// Of every version of the standard that native/spec/functions.toml knows.
constexpr std::array every_function =
    function_table([]<auto Function>(const char* name) constexpr { return entry<Function>(name); });

const Entry& find(const std::string& name) {
  for (const Entry& entry : every_function) {
    if (name == entry.name) {
      return entry;
    }
  }
  throw std::invalid_argument(name + " is no function of PKCS#11 up to 3.0");
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
    if (entry.missing(module)) {
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
