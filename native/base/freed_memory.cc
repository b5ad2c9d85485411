// Memory that is given back holds nothing: a key passes through strings and buffers that are not
// ours (a parser's, a parsed tree's, a message's), which grow, move and die without wiping. So the
// module's own operator delete wipes whatever dies. No host is concerned: it exports no symbol.
#include <malloc.h>
#include <string.h>

#include <cstddef>
#include <cstdlib>
#include <new>

// AddressSanitizer wants both halves of new and delete to be its own.
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SEALWRIGHT_FOREIGN_DELETE
#endif
#endif
#if !defined(__SANITIZE_ADDRESS__) && !defined(SEALWRIGHT_FOREIGN_DELETE)

namespace {

// What operator new gave, which has it from malloc, aligned or not. At the speed of memset.
void give_back(void* memory, std::size_t size) noexcept {
  if (memory == nullptr) return;
  ::explicit_bzero(memory, size);
  // NOLINTNEXTLINE(cppcoreguidelines-no-malloc,cppcoreguidelines-owning-memory): delete ends here
  std::free(memory);
}

}  // namespace

// Those of arrays end here too.
// NOLINTBEGIN(cert-dcl54-cpp,misc-new-delete-overloads): new stays the library's
void operator delete(void* memory) noexcept { give_back(memory, ::malloc_usable_size(memory)); }
void operator delete(void* memory, std::size_t size) noexcept { give_back(memory, size); }
void operator delete(void* memory, std::align_val_t /*alignment*/) noexcept {
  give_back(memory, ::malloc_usable_size(memory));
}
void operator delete(void* memory, std::size_t size, std::align_val_t /*alignment*/) noexcept {
  give_back(memory, size);
}
// NOLINTEND(cert-dcl54-cpp,misc-new-delete-overloads)

#endif
