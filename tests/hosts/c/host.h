/* What every host here shares: a module loaded by path, the key of a token, a signature.
   A host says on stdout what it did; "signature DATA SIGNATURE" in hex, for a stranger to verify.
 */
#pragma once

#include <dlfcn.h>
#include <p11-kit/pkcs11.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define UNUSED __attribute__((unused))
#define LONGEST_SIGNATURE 512

static const char* module_path;
static const char* token_label;
static CK_FUNCTION_LIST* p11;

struct key {
  CK_SESSION_HANDLE session;
  CK_OBJECT_HANDLE private_key;
  CK_OBJECT_HANDLE public_key;
};

struct signature {
  CK_BYTE octets[LONGEST_SIGNATURE];
  CK_ULONG length;
};

/* One write(2) a line, on stdout: lines of several threads and processes do not mix. */
UNUSED static void say(const char* format, ...) {
  char line[4096];
  va_list arguments;
  va_start(arguments, format);
  int length = vsnprintf(line, sizeof line - 1, format, arguments);
  va_end(arguments);
  line[length++] = '\n';
  if (write(STDOUT_FILENO, line, (size_t)length) != length) _exit(99);
}

UNUSED static void expect(int holds, const char* claim) {
  if (holds) return;
  say("broken: %s", claim);
  _exit(1);
}

UNUSED static void expect_rv(CK_RV rv, CK_RV wanted, const char* call) {
  if (rv == wanted) return;
  say("broken: %s gave 0x%lx, not 0x%lx", call, rv, wanted);
  _exit(1);
}

UNUSED static void* load(void) {
  void* module = dlopen(module_path, RTLD_NOW | RTLD_LOCAL);
  expect(module != NULL, "the module loads");
  CK_C_GetFunctionList get;
  *(void**)&get = dlsym(module, "C_GetFunctionList");
  expect(get != NULL && get(&p11) == CKR_OK, "it has a function list");
  return module;
}

UNUSED static void initialise(void) { expect_rv(p11->C_Initialize(NULL), CKR_OK, "C_Initialize"); }

UNUSED static CK_SLOT_ID slot(void) {
  CK_SLOT_ID slots[64];
  CK_ULONG count = 64;
  expect_rv(p11->C_GetSlotList(CK_TRUE, slots, &count), CKR_OK, "C_GetSlotList");
  for (CK_ULONG i = 0; i < count; i++) {
    CK_TOKEN_INFO info;
    size_t length = strlen(token_label);
    if (p11->C_GetTokenInfo(slots[i], &info) == CKR_OK &&
        memcmp(info.label, token_label, length) == 0 && info.label[length] == ' ')
      return slots[i];
  }
  expect(0, "the token is there");
  return 0;
}

UNUSED static CK_RV find(CK_SESSION_HANDLE session, CK_OBJECT_CLASS class,
                         CK_OBJECT_HANDLE* found) {
  CK_ATTRIBUTE wanted = {CKA_CLASS, &class, sizeof class};
  CK_ULONG count = 0;
  CK_RV rv = p11->C_FindObjectsInit(session, &wanted, 1);
  if (rv == CKR_OK) rv = p11->C_FindObjects(session, found, 1, &count);
  if (rv == CKR_OK) rv = p11->C_FindObjectsFinal(session);
  return rv == CKR_OK && count != 1 ? CKR_OBJECT_HANDLE_INVALID : rv;
}

/* For hosts that expect to be cut off. */
UNUSED static CK_RV try_open_key(CK_SLOT_ID on, struct key* key) {
  CK_RV rv = p11->C_OpenSession(on, CKF_SERIAL_SESSION, NULL, NULL, &key->session);
  if (rv == CKR_OK) rv = find(key->session, CKO_PRIVATE_KEY, &key->private_key);
  if (rv == CKR_OK) rv = find(key->session, CKO_PUBLIC_KEY, &key->public_key);
  return rv;
}

UNUSED static struct key open_key(CK_SLOT_ID on) {
  struct key key;
  expect_rv(try_open_key(on, &key), CKR_OK, "opening a session and finding its key");
  return key;
}

UNUSED static CK_MECHANISM mechanism(void) {
  CK_MECHANISM chosen = {
      strncmp(token_label, "rsa", 3) == 0 ? CKM_SHA256_RSA_PKCS : CKM_ECDSA_SHA256, NULL, 0};
  return chosen;
}

UNUSED static CK_RV sign(const struct key* key, const char* data, struct signature* made) {
  CK_MECHANISM with = mechanism();
  CK_RV rv = p11->C_SignInit(key->session, &with, key->private_key);
  made->length = sizeof made->octets;
  if (rv == CKR_OK)
    rv = p11->C_Sign(key->session, (CK_BYTE*)data, strlen(data), made->octets, &made->length);
  return rv;
}

UNUSED static CK_RV verify(const struct key* key, const char* data, const struct signature* made) {
  CK_MECHANISM with = mechanism();
  CK_RV rv = p11->C_VerifyInit(key->session, &with, key->public_key);
  if (rv == CKR_OK)
    rv = p11->C_Verify(key->session, (CK_BYTE*)data, strlen(data), (CK_BYTE*)made->octets,
                       made->length);
  return rv;
}

UNUSED static void say_signature(const char* data, const struct signature* made) {
  char hex[2 * LONGEST_SIGNATURE + 1] = "";
  for (CK_ULONG i = 0; i < made->length; i++) snprintf(hex + 2 * i, 3, "%02x", made->octets[i]);
  say("signature %s %s", data, hex);
}

/* Initialised, it signs with a session of its own and says the signature. */
UNUSED static void sign_once(const char* data) {
  struct key key = open_key(slot());
  struct signature made;
  expect_rv(sign(&key, data, &made), CKR_OK, "C_Sign");
  say_signature(data, &made);
  expect_rv(p11->C_CloseSession(key.session), CKR_OK, "C_CloseSession");
}

UNUSED static pthread_t start(void* (*body)(void*), void* argument) {
  pthread_t thread;
  expect(pthread_create(&thread, NULL, body, argument) == 0, "a thread starts");
  return thread;
}

UNUSED static void wait_for_line(void) {
  char line[64];
  expect(fgets(line, sizeof line, stdin) != NULL, "a line comes from the test");
}

#define SECONDS 120 /* after which a host that hangs is ended by its alarm */

/* host MODULE TOKEN WHAT … */
UNUSED static const char* begin(int count, char** arguments) {
  alarm(SECONDS);
  expect(count >= 4, "a host is told module, token and what to do");
  module_path = arguments[1];
  token_label = arguments[2];
  return arguments[3];
}
