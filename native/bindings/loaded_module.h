// A PKCS#11 module loaded by path, as any host application loads one.
#pragma once

#include <p11-kit/pkcs11.h>
#include <pybind11/pybind11.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace sealwright::bindings {

// The library cannot be opened, is no PKCS#11 module, or lacks the function that was called.
class LoadError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

class LoadedModule {
 public:
  // dlopen with RTLD_NOW | RTLD_LOCAL, then C_GetFunctionList. Throws LoadError.
  explicit LoadedModule(const std::string& path);

  // dlclose, without C_Finalize. Every later call throws LoadError. No other thread may be inside
  // a call: the library's code may go away.
  void unload();

  [[nodiscard]] const CK_FUNCTION_LIST& functions() const;

  // The address that C_GetFunctionList gave; the same at every call.
  [[nodiscard]] CK_FUNCTION_LIST_PTR function_list() const { return functions_; }

  // One call, with the GIL released. Throws LoadError when the pointer is null.
  template <typename... Parameters, typename... Arguments>
  [[nodiscard]] CK_RV call(CK_RV (*CK_FUNCTION_LIST::*function)(Parameters...),
                           Arguments... arguments) const {
    CK_RV (*const pointer)(Parameters...) = functions().*function;
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
  std::unique_ptr<void, Close> library_;
  CK_FUNCTION_LIST_PTR functions_ = nullptr;
};

}  // namespace sealwright::bindings
