/* A host that has no standard descriptors, or something else there; a call is denied, so that the
   module has a line to say.

   descriptors MODULE TOKEN WHAT REPORT DATA
   Says nothing on stdout: REPORT is a file that gets what it has to say, DATA one of its own. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>

#include "host.h"

static int report;

static void claim(int holds, const char* text) {
  dprintf(report, "%s: %s\n", holds ? "ok" : "broken", text);
  if (!holds) _exit(1);
}

static void number(int from, int to) {
  claim(dup2(from, to) == to, "a descriptor gets a number");
  if (from != to) close(from);
}

static void data_under_2(const char* path, int flags) {
  close(2);
  int fd = open(path, O_CREAT | flags, 0600);
  claim(fd >= 0, "the host has data");
  if (fd != 2) number(fd, 2);
  if (flags & O_CLOEXEC) claim(fcntl(2, F_SETFD, FD_CLOEXEC) == 0, "as most programs open files");
  claim(write(2, "data", 4) == 4, "it can be written");
}

static void pipe_under_2(int full, int read_end_open) {
  int ends[2];
  claim(pipe(ends) == 0, "a pipe");
  if (full) {
    char octets[4096] = {0};
    fcntl(ends[1], F_SETFL, O_NONBLOCK);
    while (write(ends[1], octets, sizeof octets) > 0) continue;
    fcntl(ends[1], F_SETFL, 0);
  }
  number(ends[1], 2);
  if (!read_end_open) close(ends[0]);
}

static void socket_under_2(void) {
  int ends[2];
  claim(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0, "a pair of sockets");
  number(ends[1], 2);
  close(ends[0]);
}

static int caught;
static void catch (int signal_number UNUSED) { caught++; }

static void denied(void) {
  struct key key = open_key(slot());
  struct signature made;
  claim(sign(&key, "denied", &made) == CKR_FUNCTION_REJECTED, "the call is denied");
}

int main(int count, char** arguments) {
  const char* what = begin(count, arguments);
  const char* data = arguments[5];
  report = open(arguments[4], O_WRONLY | O_CREAT | O_APPEND, 0600);
  report = fcntl(report, F_DUPFD, 100);
  for (int fd = 3; fd < 100; fd++) close(fd);

  struct sigaction action = {.sa_handler = catch};
  sigaction(SIGPIPE, &action, NULL);

  if (strcmp(what, "closed") == 0) {
    for (int fd = 0; fd < 3; fd++) close(fd);
    load();
    initialise();
    denied();
    for (int fd = 0; fd < 3; fd++) claim(fcntl(fd, F_GETFD) < 0, "no standard descriptor is taken");
    /* What others say there goes nowhere, not to the control plane. */
    claim(write(2, "oops", 4) < 0, "nothing is under 2");
    denied();
  } else if (strcmp(what, "data-before") == 0) {
    data_under_2(data, O_RDWR | O_CLOEXEC);
    load();
    initialise();
    denied();
  } else if (strcmp(what, "data-after") == 0) {
    load();
    initialise();
    data_under_2(data, O_WRONLY);
    denied();
  } else if (strcmp(what, "data-after-closed") == 0) {
    close(2);
    load();
    initialise();
    data_under_2(data, O_WRONLY);
    denied();
  } else if (strcmp(what, "log-after") == 0) {
    load();
    initialise();
    data_under_2(data, O_WRONLY | O_APPEND); /* a daemon's own log: there it belongs */
    denied();
  } else if (strcmp(what, "captured-after") == 0) {
    load();
    initialise();
    int kept = open(data, O_RDWR | O_CREAT, 0600); /* as test frameworks do */
    claim(kept > 2 && dup2(kept, 2) == 2, "what is said is caught in a file");
    denied();
  } else if (strcmp(what, "nobody-reads") == 0) {
    pipe_under_2(0, 0);
    load();
    initialise();
    denied();
  } else if (strcmp(what, "socket-without-peer") == 0) {
    socket_under_2();
    load();
    initialise();
    denied();
  } else if (strcmp(what, "full") == 0) {
    pipe_under_2(1, 1);
    load();
    initialise();
    denied();
  } else {
    claim(0, "a known case");
  }
  claim(caught == 0, "no SIGPIPE");
  claim(p11->C_Finalize(NULL) == CKR_OK, "C_Finalize");
  return 0;
}
