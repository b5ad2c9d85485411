/* Forks, and again, while threads sign, verify, come and go. A child that hangs is ended by its
   alarm, and so is this process: neither ends well.

   storm MODULE TOKEN used|unused|locked FORKS [CHILDREN AT A TIME] */
#define _GNU_SOURCE
#include <signal.h>
#include <stdatomic.h>
#include <sys/wait.h>

#include "host.h"

#define STEADY 4
#define PASSING 3

static atomic_bool over;
static atomic_long signatures;
static CK_SLOT_ID the_slot;
static int locked;
static pthread_rwlock_t host_lock = PTHREAD_RWLOCK_WRITER_NONRECURSIVE_INITIALIZER_NP;

static void sign_and_verify(const struct key* key) {
  struct signature made;
  /* A host that holds its own lock around a call, and takes it in its own fork handlers. */
  if (locked) pthread_rwlock_rdlock(&host_lock);
  expect_rv(sign(key, "storm", &made), CKR_OK, "C_Sign in the parent");
  if (locked) pthread_rwlock_unlock(&host_lock);
  expect_rv(verify(key, "storm", &made), CKR_OK, "C_Verify in the parent");
  signatures++;
}

static void* keep_signing(void* unused UNUSED) {
  struct key key = open_key(the_slot);
  while (!over) sign_and_verify(&key);
  return NULL;
}

static void* sign_and_leave(void* unused UNUSED) {
  struct key key = open_key(the_slot);
  sign_and_verify(&key);
  p11->C_CloseSession(key.session);
  return NULL;
}

/* Many threads that hardly live: each takes and gives back what OpenSSL keeps for a thread. */
static void* digest_and_leave(void* session) {
  CK_MECHANISM sha256 = {CKM_SHA256, NULL, 0};
  CK_BYTE value[32];
  CK_ULONG length = sizeof value;
  expect_rv(p11->C_DigestInit(*(CK_SESSION_HANDLE*)session, &sha256), CKR_OK, "C_DigestInit");
  expect_rv(p11->C_Digest(*(CK_SESSION_HANDLE*)session, (CK_BYTE*)"storm", 5, value, &length),
            CKR_OK, "C_Digest");
  return NULL;
}

static void* keep_starting(void* unused UNUSED) {
  struct key key = open_key(the_slot);
  while (!over) {
    pthread_join(start(sign_and_leave, NULL), NULL);
    for (int i = 0; i < 20 && !over; i++) pthread_join(start(digest_and_leave, &key.session), NULL);
  }
  return NULL;
}

#define KINDS 5
#define DONE 100 /* what a child that did all that it should ends with */

/* What children do, in turn. */
static void child(int kind, char** arguments) {
  alarm(SECONDS);
  switch (kind) {
    case 0: { /* the whole life of a host, C_Finalize included */
      initialise();
      struct key key = open_key(slot());
      struct signature made;
      expect_rv(sign(&key, "child", &made), CKR_OK, "C_Sign in a child");
      expect_rv(verify(&key, "child", &made), CKR_OK, "C_Verify in a child");
      expect_rv(p11->C_Finalize(NULL), CKR_OK, "C_Finalize in a child");
      exit(DONE);
    }
    case 1: { /* one that does not finalise, and another thread signs */
      initialise();
      the_slot = slot();
      pthread_join(start(sign_and_leave, NULL), NULL);
      exit(DONE);
    }
    case 2: { /* one that only asks whether it is initialised, and runs its exit handlers */
      CK_INFO info;
      expect_rv(p11->C_GetInfo(&info), CKR_CRYPTOKI_NOT_INITIALIZED, "C_GetInfo in a child");
      expect_rv(p11->C_Finalize(NULL), CKR_OK, "C_Finalize in a child, once");
      expect_rv(p11->C_Finalize(NULL), CKR_CRYPTOKI_NOT_INITIALIZED, "C_Finalize again");
      exit(DONE);
    }
    case 3: /* another program, which signs */
      execl("/proc/self/exe", arguments[0], module_path, token_label, "once", NULL);
      _exit(1);
    default: /* one that digests and asks for random octets, with OpenSSL's own locks */
      initialise();
      struct key key = open_key(slot());
      CK_BYTE random[32];
      expect_rv(p11->C_GenerateRandom(key.session, random, sizeof random), CKR_OK, "random octets");
      _exit(DONE);
  }
}

static void lock_for_fork(void) { pthread_rwlock_wrlock(&host_lock); }
static void unlock_in_parent(void) { pthread_rwlock_unlock(&host_lock); }
static void renew_in_child(void) { /* those who waited for it are not here */
  pthread_rwlock_t fresh = PTHREAD_RWLOCK_WRITER_NONRECURSIVE_INITIALIZER_NP;
  host_lock = fresh;
}

static void collect(void) {
  int status = 0;
  expect(wait(&status) > 0, "a child ends");
  expect(!WIFSIGNALED(status), "no child hangs or crashes");
  expect(WEXITSTATUS(status) == DONE, "every child does what it set out to do");
}

int main(int count, char** arguments) {
  const char* what = begin(count, arguments);
  load();
  if (strcmp(what, "once") == 0) {
    initialise();
    struct key key = open_key(slot());
    struct signature made;
    expect_rv(sign(&key, "exec", &made), CKR_OK, "C_Sign after exec");
    return DONE;
  }
  long forks = atol(arguments[4]);
  long at_a_time = count > 5 ? atol(arguments[5]) : 2;
  locked = strcmp(what, "locked") == 0;
  if (locked) pthread_atfork(lock_for_fork, unlock_in_parent, renew_in_child);
  initialise();
  the_slot = slot();
  if (strcmp(what, "used") == 0) sign_and_leave(NULL); /* this thread has used OpenSSL */

  pthread_t threads[STEADY + PASSING];
  for (int i = 0; i < STEADY; i++) threads[i] = start(keep_signing, NULL);
  for (int i = 0; i < PASSING; i++) threads[STEADY + i] = start(keep_starting, NULL);

  for (long i = 0; i < forks; i++) {
    alarm(SECONDS); /* from one fork to the next */
    pid_t forked = fork();
    expect(forked >= 0, "a process forks");
    if (forked == 0) child((int)(i % KINDS), arguments);
    if (i >= at_a_time) collect();
  }
  for (long i = 0; i < at_a_time && i < forks; i++) collect();
  over = 1;
  for (int i = 0; i < STEADY + PASSING; i++) pthread_join(threads[i], NULL);
  say("forks %ld signatures %ld", forks, (long)signatures);
  return 0;
}
