#include "bindings/loaded_module.h"

#include <dlfcn.h>

namespace sealwright::bindings {
namespace {

std::string loader_message() {
  const char* message = dlerror();  // NOLINT(concurrency-mt-unsafe): glibc keeps it per thread
  return message == nullptr ? "unknown error of the dynamic loader" : message;
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
}

void LoadedModule::unload() {
  functions_ = nullptr;
  library_.reset();
}

const CK_FUNCTION_LIST& LoadedModule::functions() const {
  if (functions_ == nullptr) {
    throw LoadError("the module was unloaded");
  }
  return *functions_;
}

}  // namespace sealwright::bindings
