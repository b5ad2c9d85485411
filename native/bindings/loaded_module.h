// A PKCS#11 module loaded by path, as any host application loads one.
#pragma once

#include <pybind11/pybind11.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <vector>

#include "abi/function_list_3_0.h"

namespace sealwright::bindings {

// The library cannot be opened, is no PKCS#11 module, or lacks the function that was called.
class LoadError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

class LoadedModule {
 public:
  // dlopen with RTLD_NOW | RTLD_LOCAL, then C_GetFunctionList, and C_GetInterface where there is
  // one. Throws LoadError.
  explicit LoadedModule(const std::string& path);

  // dlclose, without C_Finalize. Every later call throws LoadError. No other thread may be inside
  // a call: the library's code may go away.
  void unload();

  // The list of 2.40, or of 3.0, which is null where the module has none. Throws LoadError.
  template <typename List>
  [[nodiscard]] const List* list() const {
    require_loaded();
    if constexpr (std::is_same_v<List, CK_FUNCTION_LIST>) {
      return functions_;
    } else {
      return functions_3_0_;
    }
  }

  // The address that C_GetFunctionList gave; the same at every call.
  [[nodiscard]] CK_FUNCTION_LIST_PTR function_list() const { return functions_; }

  // One call, with the GIL released. Throws LoadError when the pointer is null.
  template <typename List, typename... Parameters, typename... Arguments>
  [[nodiscard]] CK_RV call(CK_RV (*List::*function)(Parameters...), Arguments... arguments) const {
    const List* const functions = list<List>();
    if (functions == nullptr) {
      throw LoadError("the module has no interface of PKCS#11 3.0");
    }
    CK_RV (*const pointer)(Parameters...) = functions->*function;
    if (pointer == nullptr) {
      throw LoadError("the module's function list holds a null pointer here");
    }
    const pybind11::gil_scoped_release released;
    return pointer(arguments...);
  }

 private:
  struct Close {
    void operator()(void* library) const;
  };
  void require_loaded() const;

  std::unique_ptr<void, Close> library_;
  CK_FUNCTION_LIST_PTR functions_ = nullptr;
  FunctionList30* functions_3_0_ = nullptr;
};

}  // namespace sealwright::bindings
