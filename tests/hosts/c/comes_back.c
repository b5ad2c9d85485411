/* A host whose name service comes back to the module: whoever asks it for a user's entry is in the
   middle of a call.

   comes_back MODULE TOKEN sign
   Signs, and says how often it was asked during which call. */
#define _GNU_SOURCE
#include <pwd.h>

#include "host.h"

static int asked;

/* In place of the C library's own. */
int getpwuid_r(uid_t user UNUSED, struct passwd* entry UNUSED, char* room UNUSED,
               size_t size UNUSED, struct passwd** found) {
  CK_ULONG count = 0;
  CK_INFO info;
  expect_rv(p11->C_Initialize(NULL), CKR_FUNCTION_FAILED, "C_Initialize of one that comes back");
  expect_rv(p11->C_GetInfo(&info), CKR_FUNCTION_FAILED, "C_GetInfo of one that comes back");
  expect_rv(p11->C_GetSlotList(CK_TRUE, NULL, &count), CKR_FUNCTION_FAILED,
            "C_GetSlotList of one that comes back");
  asked++;
  *found = NULL;
  return 0;
}

int main(int count, char** arguments) {
  begin(count, arguments);
  load();
  unsetenv("HOME");
  initialise();
  say("asked while it is initialised: %s", asked > 0 ? "yes" : "no");
  asked = 0;
  sign_once("signed");
  say("asked while it signs: %s", asked > 0 ? "yes" : "no");
  expect_rv(p11->C_Finalize(NULL), CKR_OK, "C_Finalize");
  return 0;
}
