/* threads MODULE TOKEN own|shared|small|come-and-go THREADS SIGNATURES */
#include <limits.h>

#include "host.h"

static CK_SLOT_ID the_slot;
static int signatures_each;
static struct key shared;

static void* with_own_session(void* number) {
  struct key key = open_key(the_slot);
  for (int i = 0; i < signatures_each; i++) {
    char data[64];
    struct signature made;
    snprintf(data, sizeof data, "%ld-%d", (long)number, i);
    expect_rv(sign(&key, data, &made), CKR_OK, "C_Sign");
    say_signature(data, &made);
  }
  expect_rv(p11->C_CloseSession(key.session), CKR_OK, "C_CloseSession");
  return NULL;
}

/* Whose operation it is, nobody knows; whose data was signed, everybody. */
static void* with_the_same_session(void* number) {
  for (int i = 0; i < signatures_each;) {
    char data[64];
    struct signature made;
    snprintf(data, sizeof data, "%ld-%d", (long)number, i);
    CK_RV rv = sign(&shared, data, &made);
    if (rv == CKR_OK) say_signature(data, &made);
    if (rv == CKR_OK) i++;
    expect(rv == CKR_OK || rv == CKR_OPERATION_ACTIVE || rv == CKR_OPERATION_NOT_INITIALIZED,
           "a shared session signs, or is busy");
  }
  return NULL;
}

int main(int count, char** arguments) {
  const char* what = begin(count, arguments);
  int threads = atoi(arguments[4]);
  signatures_each = atoi(arguments[5]);
  load();
  initialise();
  the_slot = slot();
  int is_shared = strcmp(what, "shared") == 0;
  if (is_shared) shared = open_key(the_slot);

  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  if (strcmp(what, "small") == 0)
    expect(pthread_attr_setstacksize(&attributes, 128 * 1024) == 0, "a stack may be small");
  pthread_t* started = calloc((size_t)threads, sizeof *started);
  for (long i = 0; i < threads; i++) {
    expect(pthread_create(&started[i], &attributes,
                          is_shared ? with_the_same_session : with_own_session, (void*)i) == 0,
           "a thread starts");
    if (strcmp(what, "come-and-go") == 0) pthread_join(started[i], NULL);
  }
  for (int i = 0; i < threads; i++)
    if (strcmp(what, "come-and-go") != 0) pthread_join(started[i], NULL);
  free(started);
  expect_rv(p11->C_Finalize(NULL), CKR_OK, "C_Finalize");
  return 0;
}
