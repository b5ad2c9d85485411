/* One fork, at an awkward moment.

   forks MODULE TOKEN before|after|exec|spawn|thread|asked|daemon|once */
#define _GNU_SOURCE
#include <fcntl.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "host.h"

extern char** environ;

static void child_signs(const char* data) {
  alarm(SECONDS);
  initialise();
  sign_once(data);
  expect_rv(p11->C_Finalize(NULL), CKR_OK, "C_Finalize in a child");
  exit(0);
}

static void collect(pid_t child) {
  int status = 0;
  expect(waitpid(child, &status, 0) == child, "a child ends");
  expect(WIFEXITED(status) && WEXITSTATUS(status) == 0, "a child ends well");
}

static pid_t forked(void) {
  pid_t child = fork();
  expect(child >= 0, "a process forks");
  return child;
}

static void expect_no_inherited_socket(void) {
  for (int fd = 0; fd < 256; fd++) {
    struct stat facts;
    expect(fstat(fd, &facts) != 0 || !S_ISSOCK(facts.st_mode), "no socket survives exec");
  }
}

static void* fork_here(void* unused UNUSED) {
  pid_t child = forked();
  if (child == 0) child_signs("child-of-a-thread");
  collect(child);
  return NULL;
}

static void* sign_slowly(void* unused UNUSED) {
  sign_once("asked");
  return NULL;
}

/* As daemons do: every descriptor closed, files of its own under their numbers. */
static void become_a_daemon(void) {
  for (int fd = 3; fd < 256; fd++) close(fd);
  for (int fd = 3; fd < 32; fd++) expect(open("/dev/zero", O_RDWR) == fd, "the numbers are free");
}

static void expect_own_files(void) {
  for (int fd = 3; fd < 32; fd++) {
    char octet = 1;
    expect(read(fd, &octet, 1) == 1 && octet == 0, "a file of the host's own is as it was");
  }
}

int main(int count, char** arguments) {
  const char* what = begin(count, arguments);
  load();
  pid_t child = 0;
  if (strcmp(what, "once") == 0) {
    expect_no_inherited_socket();
    child_signs("after-exec");
  } else if (strcmp(what, "before") == 0) {
    child = forked();
    if (child == 0) child_signs("child");
    initialise();
    sign_once("parent");
    collect(child);
  } else if (strcmp(what, "after") == 0) {
    initialise(); /* and nothing else: no request was made yet */
    child = forked();
    if (child == 0) child_signs("child");
    sign_once("parent");
    collect(child);
  } else if (strcmp(what, "exec") == 0 || strcmp(what, "spawn") == 0) {
    initialise();
    sign_once("parent");
    char* again[] = {arguments[0], arguments[1], arguments[2], "once", NULL};
    if (strcmp(what, "exec") == 0) {
      child = forked();
      if (child == 0) execv("/proc/self/exe", again);
    } else {
      expect(posix_spawn(&child, "/proc/self/exe", NULL, NULL, again, environ) == 0, "it spawns");
    }
    collect(child);
    sign_once("parent-again");
  } else if (strcmp(what, "thread") == 0) {
    initialise();
    sign_once("parent");
    pthread_join(start(fork_here, NULL), NULL);
    sign_once("parent-again");
  } else if (strcmp(what, "asked") == 0) { /* the answer to a thread is on its way */
    initialise();
    slot();
    pthread_t signing = start(sign_slowly, NULL);
    wait_for_line();
    child = forked();
    if (child == 0) child_signs("child");
    collect(child);
    say("forked");
    pthread_join(signing, NULL);
    sign_once("parent-again");
  } else if (strcmp(what, "daemon") == 0) { /* in one process, and in a child */
    initialise();
    sign_once("before");
    child = forked();
    if (child == 0) {
      become_a_daemon();
      initialise();
      sign_once("child");
      expect_own_files();
      _exit(0);
    }
    collect(child);
    become_a_daemon();
    sign_once("after");
    expect_rv(p11->C_Finalize(NULL), CKR_OK, "C_Finalize");
    expect_own_files();
  } else {
    expect(0, "a known way to fork");
  }
  return 0;
}
