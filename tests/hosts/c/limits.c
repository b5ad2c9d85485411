/* A host at its limits, or under fire.

   limits MODULE TOKEN no-descriptors|no-descriptors-at-first|many-descriptors|timer|blocked|cancel|
                       sigpipe */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/time.h>

#include "host.h"

static int taken[4096];
static int taken_count;

static void take_descriptors(int at_most) {
  while (taken_count < at_most && (taken[taken_count] = open("/dev/null", O_RDONLY)) >= 0)
    taken_count++;
}

static void give_descriptors_back(void) {
  while (taken_count > 0) close(taken[--taken_count]);
}

static void set_limit(int kind, rlim_t limit) {
  struct rlimit both = {limit, limit};
  expect(setrlimit(kind, &both) == 0, "a limit is set");
}

static atomic_int rings;
static void ring(int signal_number UNUSED) { rings++; }

static void on_signal(int signal_number, void (*handler)(int)) {
  struct sigaction action = {.sa_handler = handler}; /* without SA_RESTART */
  expect(sigaction(signal_number, &action, NULL) == 0, "a handler is set");
}

static struct signature last;

static void* sign_and_go_on(void* unused UNUSED) {
  struct key key = open_key(slot());
  CK_RV rv = sign(&key, "cancelled", &last); /* no cancellation point: it ends as any other call */
  if (rv != CKR_OK) last.length = 0;
  pthread_testcancel();
  say("broken: a cancelled thread goes on");
  _exit(1);
}

int main(int count, char** arguments) {
  const char* what = begin(count, arguments);
  load();
  if (strcmp(what, "no-descriptors") == 0) { /* the connection that is there goes on serving */
    set_limit(RLIMIT_NOFILE, 64);
    initialise();
    sign_once("before");
    take_descriptors(4096);
    for (int i = 0; i < 3; i++) sign_once("none-left");
    give_descriptors_back();
    sign_once("after");
  } else if (strcmp(what, "no-descriptors-at-first") == 0) {
    set_limit(RLIMIT_NOFILE, 64);
    initialise();
    take_descriptors(4096);
    CK_ULONG slots = 0;
    expect_rv(p11->C_GetSlotList(CK_TRUE, NULL, &slots), CKR_FUNCTION_FAILED, "C_GetSlotList");
    give_descriptors_back();
    while (p11->C_GetSlotList(CK_TRUE, NULL, &slots) != CKR_OK) /* not asked for again at once */
      usleep(10000);
    sign_once("after");
  } else if (strcmp(what, "many-descriptors") == 0) { /* numbers that no fd_set holds */
    set_limit(RLIMIT_NOFILE, 4096);
    take_descriptors(2000);
    initialise();
    sign_once("large-number");
  } else if (strcmp(what, "timer") == 0) {
    on_signal(SIGALRM, ring);
    struct itimerval often = {{0, 200}, {0, 200}};
    initialise();
    setitimer(ITIMER_REAL, &often, NULL);
    for (int i = 0; i < 50; i++) {
      struct key key = open_key(slot());
      struct signature made;
      expect_rv(sign(&key, "interrupted", &made), CKR_OK, "C_Sign");
      expect_rv(p11->C_CloseSession(key.session), CKR_OK, "C_CloseSession");
    }
    struct itimerval never = {{0, 0}, {0, 0}};
    setitimer(ITIMER_REAL, &never, NULL);
    expect(rings > 50, "the timer rang");
    sign_once("after");
  } else if (strcmp(what, "blocked") == 0) { /* what is blocked stays blocked, and comes later */
    sigset_t all, before, after;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    raise(SIGPIPE); /* one that waits is the host's own */
    initialise();
    sign_once("blocked");
    pthread_sigmask(SIG_BLOCK, NULL, &after);
    for (int i = 1; i < 32; i++)
      expect(i == SIGKILL || i == SIGSTOP || sigismember(&after, i),
             "every signal is still blocked");
    sigset_t waiting;
    sigpending(&waiting);
    expect(sigismember(&waiting, SIGPIPE), "a signal that waits still waits");
  } else if (strcmp(what, "cancel") == 0) { /* in the middle of a request */
    initialise();
    slot();
    pthread_t thread = start(sign_and_go_on, NULL);
    wait_for_line();
    expect(pthread_cancel(thread) == 0, "a thread is cancelled");
    say("cancelled");
    void* result = NULL;
    pthread_join(thread, &result);
    expect(result == PTHREAD_CANCELED, "it ends as one that was");
    say_signature("cancelled", &last);
    sign_once("after");
  } else if (strcmp(what, "sigpipe") == 0) {
    on_signal(SIGPIPE, ring);
    initialise();
    sign_once("before");
    for (int i = 0; i < 3; i++) {
      say("ready");
      wait_for_line(); /* the peer is gone */
      sign_once("after");
    }
    expect(rings == 0, "no SIGPIPE");
  } else {
    expect(0, "a known limit");
  }
  expect_rv(p11->C_Finalize(NULL), CKR_OK, "C_Finalize");
  return 0;
}
