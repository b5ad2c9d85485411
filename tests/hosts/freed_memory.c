// To preload: says on standard error when memory is given back that holds a secret.
//
// FREED_MEMORY_SECRET is the secret with each octet's bits turned over, in hex, so that this
// environment itself is not what is found.
#define _GNU_SOURCE
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern void __libc_free(void* memory);
extern void* __libc_realloc(void* memory, size_t size);

static unsigned char turned_over[256];
static size_t length;

__attribute__((constructor)) static void learn(void) {
  const char* text = getenv("FREED_MEMORY_SECRET");
  for (; text != NULL && text[0] != 0 && text[1] != 0 && length < sizeof turned_over; text += 2) {
    const char octet[] = {text[0], text[1], 0};
    turned_over[length++] = (unsigned char)strtoul(octet, NULL, 16);
  }
}

// Half of it is a find too: a string that grew left its beginning behind.
static void look(const void* memory) {
  const size_t wanted = length / 2;
  if (memory == NULL || wanted == 0) return;
  const unsigned char* octets = memory;
  const size_t size = malloc_usable_size((void*)memory);
  for (size_t start = 0; start + wanted <= size; ++start) {
    size_t same = 0;
    while (same < wanted && octets[start + same] == (unsigned char)~turned_over[same]) ++same;
    if (same == wanted) {
      static const char said[] = "freed memory holds the secret\n";
      if (write(STDERR_FILENO, said, sizeof said - 1) < 0) abort();
      return;
    }
  }
}

void free(void* memory) {
  look(memory);
  __libc_free(memory);
}

void* realloc(void* memory, size_t size) {
  look(memory);
  return __libc_realloc(memory, size);
}
