/* Ways to end while threads sign: none may crash or hang.

   exits MODULE TOKEN
   return|exit|quick|main-thread|finalise|finalise-before-load|finalise-after-load|
                      destructor|sign-in-handler|unloaded|again */
#define _GNU_SOURCE
#include <semaphore.h>

#include "host.h"

#define THREADS 8
#define CODE 42 /* what it ends with when it ends well */

static CK_SLOT_ID the_slot;
static sem_t signatures;
static int finalise_in_destructor;
static struct key own;

static int is_an_end(CK_RV rv) {
  return rv == CKR_CRYPTOKI_NOT_INITIALIZED || rv == CKR_SESSION_HANDLE_INVALID ||
         rv == CKR_KEY_HANDLE_INVALID || rv == CKR_OBJECT_HANDLE_INVALID;
}

static void* sign_until_the_end(void* unused UNUSED) {
  for (;;) {
    struct key key;
    struct signature made;
    CK_RV rv = try_open_key(the_slot, &key);
    if (rv == CKR_OK) rv = sign(&key, "until", &made);
    if (rv != CKR_OK) {
      expect(is_an_end(rv), "a call that finds no module says so");
      return NULL;
    }
    sem_post(&signatures);
  }
}

static void wait_for_signatures(int number) {
  while (number-- > 0) sem_wait(&signatures);
}

static void finalise(void) { expect_rv(p11->C_Finalize(NULL), CKR_OK, "C_Finalize at exit"); }

static void sign_in_handler(void) {
  struct signature made;
  expect_rv(sign(&own, "handler", &made), CKR_OK, "C_Sign at exit");
  say_signature("handler", &made);
  expect_rv(p11->C_CloseSession(own.session), CKR_OK, "C_CloseSession at exit");
}

__attribute__((destructor)) static void at_the_very_end(void) {
  if (finalise_in_destructor) finalise();
}

static void* end_the_process(void* signing) {
  wait_for_signatures(THREADS);
  finalise();
  for (int i = 0; i < THREADS; i++) pthread_join(((pthread_t*)signing)[i], NULL);
  exit(CODE);
}

int main(int count, char** arguments) {
  const char* what = begin(count, arguments);
  static pthread_t signing[THREADS];
  sem_init(&signatures, 0, 0);
  if (strcmp(what, "finalise-before-load") == 0) atexit(finalise);
  void* module = load();
  if (strcmp(what, "finalise-after-load") == 0) atexit(finalise);
  if (strcmp(what, "sign-in-handler") == 0) atexit(sign_in_handler);
  finalise_in_destructor = strcmp(what, "destructor") == 0;

  int rounds = strcmp(what, "again") == 0 ? 25 : 1;
  for (int round = 0; round < rounds; round++) {
    initialise();
    the_slot = slot();
    own = open_key(the_slot);
    for (int i = 0; i < THREADS; i++) signing[i] = start(sign_until_the_end, NULL);
    wait_for_signatures(THREADS);
    if (rounds > 1) {
      expect_rv(p11->C_Finalize(NULL), CKR_OK, "C_Finalize while threads sign");
      for (int i = 0; i < THREADS; i++) pthread_join(signing[i], NULL);
    }
  }
  if (strcmp(what, "finalise") == 0) finalise();
  if (strcmp(what, "unloaded") == 0) { /* and threads that are still in it */
    finalise();
    expect(dlclose(module) == 0, "the module is unloaded");
    for (int i = 0; i < THREADS; i++) pthread_join(signing[i], NULL);
  }
  if (strcmp(what, "exit") == 0) exit(CODE);
  if (strcmp(what, "quick") == 0) quick_exit(CODE);
  if (strcmp(what, "main-thread") == 0) {
    start(end_the_process, signing);
    pthread_exit(NULL);
  }
  return CODE;
}
