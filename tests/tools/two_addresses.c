/* Preloaded into a tool: the name two.addresses.example has two addresses, 127.0.0.2 and 127.0.0.1. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <netdb.h>
#include <string.h>

typedef int (*Resolve)(const char *, const char *, const struct addrinfo *, struct addrinfo **);

int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
                struct addrinfo **found) {
  Resolve real = (Resolve)dlsym(RTLD_NEXT, "getaddrinfo");
  if (node == NULL || strcmp(node, "two.addresses.example") != 0) {
    return real(node, service, hints, found);
  }
  struct addrinfo *second = NULL;
  int fault = real("127.0.0.2", service, hints, found);
  if (fault == 0) fault = real("127.0.0.1", service, hints, &second);
  if (fault == 0) (*found)->ai_next = second;
  return fault;
}
