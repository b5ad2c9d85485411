#include "bindings/loaded_module.h"

#include <dlfcn.h>

namespace sealwright::bindings {
namespace {

std::string loader_message() {
  const char* message = dlerror();  // NOLINT(concurrency-mt-unsafe): glibc keeps it per thread
  return message == nullptr ? "unknown error of the dynamic loader" : message;
}

// Null where the module has none.
FunctionList30* newer_list(void* library) {
  using GetInterface = decltype(FunctionList30::C_GetInterface);
  const auto get_interface = reinterpret_cast<GetInterface>(dlsym(library, "C_GetInterface"));
  if (get_interface == nullptr) {
    return nullptr;
  }
  CK_UTF8CHAR name[] = "PKCS 11";
  CK_VERSION version = kCryptoki30;
  CK_INTERFACE_PTR found = nullptr;
  if (get_interface(name, &version, &found, 0) != CKR_OK || found == nullptr) {
    return nullptr;
  }
  const auto& [own_name, list, flags] = *found;  // by position: the names depend on the header
  return static_cast<FunctionList30*>(list);
}

}  // namespace

void LoadedModule::Close::operator()(void* library) const { dlclose(library); }

LoadedModule::LoadedModule(const std::string& path)
    : library_(dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL)) {
  if (!library_) {
    throw LoadError(loader_message());
  }
  void* symbol = dlsym(library_.get(), "C_GetFunctionList");
  if (symbol == nullptr) {
    throw LoadError(path + " is no PKCS#11 module: " + loader_message());
  }
  const auto get_function_list = reinterpret_cast<CK_C_GetFunctionList>(symbol);
  const CK_RV rv = get_function_list(&functions_);
  if (rv != CKR_OK || functions_ == nullptr) {
    throw LoadError(path + ": C_GetFunctionList returned " + std::to_string(rv));
  }
  functions_3_0_ = newer_list(library_.get());
}

void LoadedModule::unload() {
  functions_ = nullptr;
  functions_3_0_ = nullptr;
  library_.reset();
}

void LoadedModule::require_loaded() const {
  if (functions_ == nullptr) {
    throw LoadError("the module was unloaded");
  }
}

}  // namespace sealwright::bindings
