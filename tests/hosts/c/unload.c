/* Loads, signs and unloads, again and again; says what it holds after every tenth time.

   unload MODULE TOKEN main|threads CYCLES */
#define _GNU_SOURCE
#include <dirent.h>
#include <malloc.h>

#include "host.h"

static int lines_of(const char* path) {
  FILE* file = fopen(path, "r");
  int lines = 0;
  for (int c; (c = fgetc(file)) != EOF;) lines += c == '\n';
  fclose(file);
  return lines;
}

static int open_files(void) {
  int files = 0;
  DIR* folder = opendir("/proc/self/fd");
  while (readdir(folder) != NULL) files++;
  closedir(folder);
  return files;
}

static long resident_pages(void) {
  long size = 0, resident = 0;
  FILE* file = fopen("/proc/self/statm", "r");
  expect(fscanf(file, "%ld %ld", &size, &resident) == 2, "the kernel says how much is resident");
  fclose(file);
  return resident;
}

static void* one_life(void* unused UNUSED) {
  void* module = load();
  initialise();
  struct key key = open_key(slot());
  struct signature made;
  expect_rv(sign(&key, "again", &made), CKR_OK, "C_Sign");
  expect_rv(verify(&key, "again", &made), CKR_OK, "C_Verify");
  expect_rv(p11->C_Finalize(NULL), CKR_OK, "C_Finalize");
  expect(dlclose(module) == 0, "the module is unloaded");
  return NULL;
}

int main(int count, char** arguments) {
  const char* what = begin(count, arguments);
  int cycles = atoi(arguments[4]);
  mallopt(M_ARENA_MAX, 1); /* threads that come and go would each take memory of their own */
  for (int i = 1; i <= cycles; i++) {
    if (strcmp(what, "main") == 0)
      one_life(NULL);
    else
      pthread_join(start(one_life, NULL), NULL);
    if (i % 10 == 0)
      say("held %d %d %d %ld %zu", i, lines_of("/proc/self/maps"), open_files(),
          resident_pages() * (sysconf(_SC_PAGESIZE) / 1024), mallinfo2().uordblks);
  }
  return 0;
}
