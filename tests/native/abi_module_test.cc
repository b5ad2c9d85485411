// The built library as a host process meets it: loaded by path, called through its function list.
// No control plane is needed: without an API key the slots are those that the configuration names.
#include <dlfcn.h>
#include <gtest/gtest.h>
#include <p11-kit/pkcs11.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

namespace {

constexpr CK_SLOT_ID kSlot = 7;

std::string output_of(const std::string& command) {
  const std::unique_ptr<FILE, int (*)(FILE*)> pipe(popen(command.c_str(), "r"), pclose);
  std::string text;
  std::array<char, 4096> chunk{};
  while (std::fgets(chunk.data(), chunk.size(), pipe.get()) != nullptr) {
    text += chunk.data();
  }
  return text;
}

CK_FUNCTION_LIST& load() {
  void* library = dlopen(SEALWRIGHT_MODULE, RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    throw std::runtime_error(dlerror());
  }
  const auto get = reinterpret_cast<CK_C_GetFunctionList>(dlsym(library, "C_GetFunctionList"));
  CK_FUNCTION_LIST* functions = nullptr;
  if (get == nullptr || get(&functions) != CKR_OK) {
    throw std::runtime_error("no function list");
  }
  return *functions;
}

class ModuleTest : public ::testing::Test {
 protected:
  ModuleTest() : p11(load()) {
    std::string pattern = ::testing::TempDir() + "sealwright-XXXXXX";
    folder_ = mkdtemp(pattern.data());
    configure("[signers]\nrelease = 7\n[log]\nlevel = \"off\"\n");
  }
  ~ModuleTest() override {
    p11.C_Finalize(nullptr);
    std::remove(config().c_str());
    rmdir(folder_.c_str());
  }

  std::string config() const { return folder_ + "/pkcs11.toml"; }
  void configure(const std::string& toml) {
    std::ofstream(config()) << toml;
    chmod(config().c_str(), 0644);  // whatever the umask
    setenv("SEALWRIGHT_CONFIG", config().c_str(), 1);
  }

  CK_SESSION_HANDLE open(CK_FLAGS flags = CKF_SERIAL_SESSION) {
    CK_SESSION_HANDLE session = CK_INVALID_HANDLE;
    EXPECT_EQ(p11.C_OpenSession(kSlot, flags, nullptr, nullptr, &session), CKR_OK);
    return session;
  }

  CK_RV sha256(CK_SESSION_HANDLE session) {
    CK_MECHANISM mechanism{CKM_SHA256, nullptr, 0};
    std::array<CK_BYTE, 32> digest{};
    CK_ULONG length = digest.size();
    if (const CK_RV rv = p11.C_DigestInit(session, &mechanism); rv != CKR_OK) {
      return rv;
    }
    std::array<CK_BYTE, 3> data{'a', 'b', 'c'};
    return p11.C_Digest(session, data.data(), data.size(), digest.data(), &length);
  }

  CK_FUNCTION_LIST& p11;

 private:
  std::string folder_;
};

// Runs `body` in a child that dies of SIGALRM rather than hang; its exit code.
template <typename Body>
int in_child(Body body) {
  const pid_t child = fork();
  if (child == 0) {
    alarm(20);
    _exit(body());
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

TEST_F(ModuleTest, EveryPointerOfTheListIsSet) {
  EXPECT_EQ(p11.version.major, 2);
  EXPECT_EQ(p11.version.minor, 40);
  constexpr std::size_t kFunctions = 68;
  std::array<void*, kFunctions> pointers{};
  static_assert(sizeof(CK_FUNCTION_LIST) == sizeof(void*) + sizeof pointers);
  std::memcpy(pointers.data(), &p11.C_Initialize, sizeof pointers);
  EXPECT_EQ(std::count(pointers.begin(), pointers.end(), nullptr), 0);
  EXPECT_EQ(std::set<void*>(pointers.begin(), pointers.end()).size(), kFunctions);
}

TEST_F(ModuleTest, OnlyTheFunctionsOfTheStandardAreExported) {
  const std::string exports =
      output_of("nm -D --defined-only " SEALWRIGHT_MODULE " | awk '{print $3}'");
  EXPECT_EQ(std::count(exports.begin(), exports.end(), '\n'), 92) << exports;
  EXPECT_EQ(output_of("nm -D --defined-only " SEALWRIGHT_MODULE " | awk '$3 !~ /^C_/'"), "");
}

#ifdef SEALWRIGHT_SELF_CONTAINED
TEST_F(ModuleTest, NothingButGlibcIsNeeded) {
  EXPECT_EQ(output_of("readelf -d " SEALWRIGHT_MODULE " | sed -n 's/.*NEEDED.*\\[\\(.*\\)\\]/\\1/p'"
                      " | grep -vE '^(libc|libm|ld-linux-x86-64|ld-linux-aarch64)\\.so'"),
            "");
  EXPECT_NE(output_of("readelf -d " SEALWRIGHT_MODULE " | grep NODELETE"), "");
}
#endif

TEST_F(ModuleTest, BeforeInitialiseEveryFunctionSaysSo) {
  CK_INFO info{};
  CK_MECHANISM mechanism{CKM_RSA_PKCS, nullptr, 0};
  EXPECT_EQ(p11.C_GetInfo(&info), CKR_CRYPTOKI_NOT_INITIALIZED);
  EXPECT_EQ(p11.C_EncryptInit(1, &mechanism, 1), CKR_CRYPTOKI_NOT_INITIALIZED);
  EXPECT_EQ(p11.C_GetFunctionStatus(1), CKR_CRYPTOKI_NOT_INITIALIZED);
  EXPECT_EQ(p11.C_Finalize(nullptr), CKR_CRYPTOKI_NOT_INITIALIZED);
}

TEST_F(ModuleTest, TheInitialiseArgumentsAreJudgedAsTheStandardSays) {
  CK_C_INITIALIZE_ARGS arguments{};
  arguments.pReserved = &arguments;
  EXPECT_EQ(p11.C_Initialize(&arguments), CKR_ARGUMENTS_BAD);
  arguments = {};
  arguments.LockMutex = [](void*) -> CK_RV { return CKR_OK; };
  EXPECT_EQ(p11.C_Initialize(&arguments), CKR_ARGUMENTS_BAD) << "four mutex functions or none";
  arguments.CreateMutex = [](void**) -> CK_RV { return CKR_OK; };
  arguments.DestroyMutex = arguments.UnlockMutex = arguments.LockMutex;
  arguments.flags = CKF_OS_LOCKING_OK | CKF_LIBRARY_CANT_CREATE_OS_THREADS;
  EXPECT_EQ(p11.C_Initialize(&arguments), CKR_OK);
  EXPECT_EQ(p11.C_Initialize(nullptr), CKR_CRYPTOKI_ALREADY_INITIALIZED);
  EXPECT_EQ(p11.C_Finalize(&arguments), CKR_ARGUMENTS_BAD);
  EXPECT_EQ(p11.C_Finalize(nullptr), CKR_OK);
}

TEST_F(ModuleTest, ABrokenConfigurationFailsInitialiseAndCanBeMended) {
  configure("[signers\n");
  EXPECT_EQ(p11.C_Initialize(nullptr), CKR_GENERAL_ERROR);
  configure("[signers]\nrelease = 7\n[log]\nlevel = \"off\"\n");
  EXPECT_EQ(p11.C_Initialize(nullptr), CKR_OK);
}

TEST_F(ModuleTest, OfManyThreadsThatInitialiseOneSucceeds) {
  for (int round = 0; round < 20; ++round) {
    std::atomic<int> initialised{0};
    std::atomic<int> already{0};
    std::vector<std::thread> threads;
    for (int thread = 0; thread < 8; ++thread) {
      threads.emplace_back([&] {
        const CK_RV rv = p11.C_Initialize(nullptr);
        initialised += rv == CKR_OK ? 1 : 0;
        already += rv == CKR_CRYPTOKI_ALREADY_INITIALIZED ? 1 : 0;
      });
    }
    for (std::thread& thread : threads) {
      thread.join();
    }
    EXPECT_EQ(initialised, 1);
    EXPECT_EQ(already, 7);
    ASSERT_EQ(p11.C_Finalize(nullptr), CKR_OK);
  }
}

TEST_F(ModuleTest, FinaliseUnderRunningCallsIsSafe) {
  for (int round = 0; round < 20; ++round) {
    ASSERT_EQ(p11.C_Initialize(nullptr), CKR_OK);
    std::atomic<int> started{0};
    std::vector<std::thread> threads;
    for (int thread = 0; thread < 4; ++thread) {
      threads.emplace_back([&] {
        const CK_SESSION_HANDLE session = open();
        ++started;
        CK_RV rv = CKR_OK;
        while (rv == CKR_OK) {
          rv = sha256(session);
        }
        EXPECT_EQ(rv, CKR_CRYPTOKI_NOT_INITIALIZED);
      });
    }
    while (started < 4) {
      std::this_thread::yield();
    }
    EXPECT_EQ(p11.C_Finalize(nullptr), CKR_OK);
    for (std::thread& thread : threads) {
      thread.join();
    }
  }
}

TEST_F(ModuleTest, AForkedChildStartsAnewAndTheParentIsUndisturbed) {
  ASSERT_EQ(p11.C_Initialize(nullptr), CKR_OK);
  const CK_SESSION_HANDLE session = open();
  EXPECT_EQ(in_child([&] {
              if (sha256(session) != CKR_CRYPTOKI_NOT_INITIALIZED) {
                return 1;
              }
              if (p11.C_Initialize(nullptr) != CKR_OK) {
                return 2;
              }
              if (p11.C_Initialize(nullptr) != CKR_CRYPTOKI_ALREADY_INITIALIZED) {
                return 3;
              }
              if (sha256(session) != CKR_SESSION_HANDLE_INVALID) {
                return 4;
              }
              CK_SESSION_HANDLE own = CK_INVALID_HANDLE;
              if (p11.C_OpenSession(kSlot, CKF_SERIAL_SESSION, nullptr, nullptr, &own) != CKR_OK) {
                return 5;
              }
              return sha256(own) == CKR_OK && p11.C_Finalize(nullptr) == CKR_OK ? 0 : 6;
            }),
            0);
  EXPECT_EQ(sha256(session), CKR_OK);
}

// python-pkcs11's reinitialize() ends first, whatever process it is in.
TEST_F(ModuleTest, AForkedChildMayEndOnceWhatItsParentBegan) {
  ASSERT_EQ(p11.C_Initialize(nullptr), CKR_OK);
  const CK_SESSION_HANDLE session = open();
  EXPECT_EQ(in_child([&] {
              if (p11.C_Finalize(nullptr) != CKR_OK) {
                return 1;
              }
              if (p11.C_Finalize(nullptr) != CKR_CRYPTOKI_NOT_INITIALIZED) {
                return 2;
              }
              if (p11.C_Initialize(nullptr) != CKR_OK || sha256(open()) != CKR_OK) {
                return 3;
              }
              return p11.C_Finalize(nullptr) == CKR_OK ? 0 : 4;
            }),
            0);
  EXPECT_EQ(sha256(session), CKR_OK);
  ASSERT_EQ(p11.C_Finalize(nullptr), CKR_OK);
  EXPECT_EQ(
      in_child([&] { return p11.C_Finalize(nullptr) == CKR_CRYPTOKI_NOT_INITIALIZED ? 0 : 1; }), 0);
}

TEST_F(ModuleTest, AForkWhileOtherThreadsWorkLeavesAChildThatWorks) {
  ASSERT_EQ(p11.C_Initialize(nullptr), CKR_OK);
  std::atomic<bool> stop{false};
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 3; ++thread) {
    threads.emplace_back([&] {
      const CK_SESSION_HANDLE session = open();
      while (!stop) {
        sha256(session);
      }
    });
  }
  for (int round = 0; round < 30; ++round) {
    EXPECT_EQ(in_child([&] {
                if (p11.C_Initialize(nullptr) != CKR_OK) {
                  return 1;
                }
                CK_SESSION_HANDLE own = CK_INVALID_HANDLE;
                p11.C_OpenSession(kSlot, CKF_SERIAL_SESSION, nullptr, nullptr, &own);
                return sha256(own) == CKR_OK ? 0 : 2;
              }),
              0);
  }
  stop = true;
  for (std::thread& thread : threads) {
    thread.join();
  }
}

TEST_F(ModuleTest, ItCanBeClosedAndLoadedAgain) {
  ASSERT_EQ(p11.C_Initialize(nullptr), CKR_OK);
  std::thread([&] { sha256(open()); }).join();
  ASSERT_EQ(p11.C_Finalize(nullptr), CKR_OK);
  void* handle = dlopen(SEALWRIGHT_MODULE, RTLD_NOW);
  dlclose(handle);
  dlclose(handle);
  CK_FUNCTION_LIST& again = load();
  EXPECT_EQ(again.C_Initialize(nullptr), CKR_OK);
}

TEST_F(ModuleTest, SlotAndTokenTellTheTruth) {
  ASSERT_EQ(p11.C_Initialize(nullptr), CKR_OK);
  CK_ULONG count = 99;
  ASSERT_EQ(p11.C_GetSlotList(CK_TRUE, nullptr, &count), CKR_OK);
  ASSERT_EQ(count, 1U);
  CK_SLOT_ID slot = 0;
  count = 0;
  EXPECT_EQ(p11.C_GetSlotList(CK_TRUE, &slot, &count), CKR_BUFFER_TOO_SMALL);
  EXPECT_EQ(count, 1U);
  ASSERT_EQ(p11.C_GetSlotList(CK_TRUE, &slot, &count), CKR_OK);
  EXPECT_EQ(slot, kSlot);

  CK_SLOT_INFO slot_info{};
  ASSERT_EQ(p11.C_GetSlotInfo(kSlot, &slot_info), CKR_OK);
  EXPECT_EQ(slot_info.flags, CKF_TOKEN_PRESENT);
  CK_TOKEN_INFO token{};
  ASSERT_EQ(p11.C_GetTokenInfo(kSlot, &token), CKR_OK);
  const std::string label(reinterpret_cast<const char*>(token.label), sizeof token.label);
  EXPECT_EQ(label, "release" + std::string(25, ' '));
  EXPECT_EQ(token.flags,
            CKF_TOKEN_INITIALIZED | CKF_USER_PIN_INITIALIZED | CKF_RNG | CKF_LOGIN_REQUIRED);
  EXPECT_EQ(token.ulMaxPinLen, 255U);
  EXPECT_EQ(token.ulMinPinLen, 0U);
  EXPECT_EQ(p11.C_GetTokenInfo(8, &token), CKR_SLOT_ID_INVALID);

  CK_SLOT_ID changed = 0;
  EXPECT_EQ(p11.C_WaitForSlotEvent(CKF_DONT_BLOCK, &changed, nullptr), CKR_NO_EVENT);
}

TEST_F(ModuleTest, SessionsCountAndClose) {
  ASSERT_EQ(p11.C_Initialize(nullptr), CKR_OK);
  CK_SESSION_HANDLE refused = 0;
  EXPECT_EQ(p11.C_OpenSession(kSlot, 0, nullptr, nullptr, &refused),
            CKR_SESSION_PARALLEL_NOT_SUPPORTED);
  EXPECT_EQ(p11.C_OpenSession(8, CKF_SERIAL_SESSION, nullptr, nullptr, &refused),
            CKR_SLOT_ID_INVALID);
  const CK_SESSION_HANDLE read_only = open();
  const CK_SESSION_HANDLE read_write = open(CKF_SERIAL_SESSION | CKF_RW_SESSION);
  CK_SESSION_INFO info{};
  ASSERT_EQ(p11.C_GetSessionInfo(read_write, &info), CKR_OK);
  EXPECT_EQ(info.slotID, kSlot);
  EXPECT_EQ(info.state, CKS_RW_PUBLIC_SESSION);
  EXPECT_EQ(info.flags, CKF_SERIAL_SESSION | CKF_RW_SESSION);
  ASSERT_EQ(p11.C_GetSessionInfo(read_only, &info), CKR_OK);
  EXPECT_EQ(info.state, CKS_RO_PUBLIC_SESSION);
  CK_TOKEN_INFO token{};
  ASSERT_EQ(p11.C_GetTokenInfo(kSlot, &token), CKR_OK);
  EXPECT_EQ(token.ulSessionCount, 2U);
  EXPECT_EQ(token.ulRwSessionCount, 1U);

  EXPECT_EQ(p11.C_CloseSession(read_only), CKR_OK);
  EXPECT_EQ(p11.C_CloseSession(read_only), CKR_SESSION_HANDLE_INVALID);
  EXPECT_EQ(p11.C_CloseAllSessions(kSlot), CKR_OK);
  EXPECT_EQ(p11.C_GetSessionInfo(read_write, &info), CKR_SESSION_HANDLE_INVALID);
  const CK_SESSION_HANDLE later = open();
  EXPECT_TRUE(later != read_only && later != read_write) << "handles are never reused";
}

TEST_F(ModuleTest, LoginWantsAnApiKeyOfTheUser) {
  ASSERT_EQ(p11.C_Initialize(nullptr), CKR_OK);
  const CK_SESSION_HANDLE session = open();
  std::array<CK_UTF8CHAR, 4> pin{'1', '2', '3', '4'};
  EXPECT_EQ(p11.C_Login(session, CKU_USER, pin.data(), pin.size()), CKR_PIN_INCORRECT);
  EXPECT_EQ(p11.C_Login(session, CKU_USER, nullptr, 0), CKR_PIN_INCORRECT);
  EXPECT_EQ(p11.C_Login(session, CKU_USER, nullptr, 4), CKR_ARGUMENTS_BAD);
  EXPECT_EQ(p11.C_Login(session, CKU_SO, pin.data(), pin.size()), CKR_USER_TYPE_INVALID);
  EXPECT_EQ(p11.C_Logout(session), CKR_USER_NOT_LOGGED_IN);
}

TEST_F(ModuleTest, ADigestInPartsEqualsOneInOnePart) {
  ASSERT_EQ(p11.C_Initialize(nullptr), CKR_OK);
  const CK_SESSION_HANDLE session = open();
  CK_MECHANISM mechanism{CKM_SHA256, nullptr, 0};
  std::array<CK_BYTE, 3> data{'a', 'b', 'c'};
  std::array<CK_BYTE, 32> whole{};
  std::array<CK_BYTE, 32> parts{};
  CK_ULONG length = 1;
  ASSERT_EQ(p11.C_DigestInit(session, &mechanism), CKR_OK);
  EXPECT_EQ(p11.C_DigestInit(session, &mechanism), CKR_OPERATION_ACTIVE);
  EXPECT_EQ(p11.C_Digest(session, data.data(), data.size(), whole.data(), &length),
            CKR_BUFFER_TOO_SMALL);
  EXPECT_EQ(length, 32U);
  EXPECT_EQ(p11.C_Digest(session, data.data(), data.size(), nullptr, &length), CKR_OK);
  ASSERT_EQ(p11.C_Digest(session, data.data(), data.size(), whole.data(), &length), CKR_OK);
  EXPECT_EQ(p11.C_DigestUpdate(session, data.data(), 1), CKR_OPERATION_NOT_INITIALIZED);

  ASSERT_EQ(p11.C_DigestInit(session, &mechanism), CKR_OK);
  ASSERT_EQ(p11.C_DigestUpdate(session, data.data(), 1), CKR_OK);
  ASSERT_EQ(p11.C_DigestUpdate(session, nullptr, 0), CKR_OK);
  ASSERT_EQ(p11.C_DigestUpdate(session, &data[1], 2), CKR_OK);
  ASSERT_EQ(p11.C_DigestFinal(session, parts.data(), &length), CKR_OK);
  EXPECT_EQ(parts, whole);
  EXPECT_EQ(whole[0], 0xBA);  // FIPS 180-4, SHA-256 of "abc"
}

TEST_F(ModuleTest, AnErrorEndsTheOperation) {
  ASSERT_EQ(p11.C_Initialize(nullptr), CKR_OK);
  const CK_SESSION_HANDLE session = open();
  CK_MECHANISM mechanism{CKM_SHA256, nullptr, 0};
  ASSERT_EQ(p11.C_DigestInit(session, &mechanism), CKR_OK);
  EXPECT_EQ(p11.C_DigestUpdate(session, nullptr, 5), CKR_ARGUMENTS_BAD);
  EXPECT_EQ(p11.C_DigestInit(session, &mechanism), CKR_OK);
  std::array<CK_BYTE, 1> data{};
  EXPECT_EQ(p11.C_Digest(session, data.data(), ~CK_ULONG{0}, data.data(), nullptr),
            CKR_ARGUMENTS_BAD);
  EXPECT_EQ(p11.C_DigestInit(session, &mechanism), CKR_OK);
}

TEST_F(ModuleTest, RandomIsFilledAndSeedsAreWelcome) {
  ASSERT_EQ(p11.C_Initialize(nullptr), CKR_OK);
  const CK_SESSION_HANDLE session = open();
  std::array<CK_BYTE, 32> one{};
  std::array<CK_BYTE, 32> other{};
  EXPECT_EQ(p11.C_SeedRandom(session, one.data(), one.size()), CKR_OK);
  EXPECT_EQ(p11.C_GenerateRandom(session, one.data(), one.size()), CKR_OK);
  EXPECT_EQ(p11.C_GenerateRandom(session, other.data(), other.size()), CKR_OK);
  EXPECT_NE(one, other);
  EXPECT_EQ(p11.C_GenerateRandom(session, nullptr, 1), CKR_ARGUMENTS_BAD);
}

TEST_F(ModuleTest, AnUnknownClassFindsNothingAndIsNoError) {
  ASSERT_EQ(p11.C_Initialize(nullptr), CKR_OK);
  const CK_SESSION_HANDLE session = open();
  CK_OBJECT_CLASS object_class = CKO_VENDOR_DEFINED;
  CK_ATTRIBUTE criterion{CKA_CLASS, &object_class, sizeof object_class};
  EXPECT_EQ(p11.C_FindObjectsInit(session, nullptr, 1), CKR_ARGUMENTS_BAD);
  EXPECT_EQ(p11.C_FindObjectsInit(session, &criterion, ~CK_ULONG{0}), CKR_ARGUMENTS_BAD);
  ASSERT_EQ(p11.C_FindObjectsInit(session, &criterion, 1), CKR_OK);
  EXPECT_EQ(p11.C_FindObjectsInit(session, nullptr, 0), CKR_OPERATION_ACTIVE);
  CK_OBJECT_HANDLE found = 0;
  CK_ULONG count = 99;
  EXPECT_EQ(p11.C_FindObjects(session, &found, 1, &count), CKR_OK);
  EXPECT_EQ(count, 0U);
  EXPECT_EQ(p11.C_FindObjectsFinal(session), CKR_OK);
  EXPECT_EQ(p11.C_FindObjectsFinal(session), CKR_OPERATION_NOT_INITIALIZED);
}

// Each function takes eight word-sized arguments at most, so a call with eight suits them all.
TEST_F(ModuleTest, NoFunctionCrashesOnNullsAndUnknownHandles) {
  ASSERT_EQ(p11.C_Initialize(nullptr), CKR_OK);
  using Any = CK_RV (*)(CK_ULONG, void*, void*, void*, void*, void*, void*, void*);
  std::array<Any, 68> functions{};
  std::memcpy(functions.data(), &p11.C_Initialize, sizeof functions);
  const CK_SESSION_HANDLE session = open();
  EXPECT_EQ(p11.C_GetInfo(nullptr), CKR_ARGUMENTS_BAD);
  EXPECT_EQ(p11.C_GetFunctionList(nullptr), CKR_ARGUMENTS_BAD);
  constexpr std::size_t kFirstWithoutPointerFirst = 4;  // C_GetSlotList
  for (std::size_t index = kFirstWithoutPointerFirst; index < functions.size(); ++index) {
    for (const CK_ULONG first : {CK_ULONG{0}, CK_ULONG{999}, ~CK_ULONG{0}}) {
      const CK_RV rv =
          functions.at(index)(first, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr);
      EXPECT_TRUE(rv == CKR_ARGUMENTS_BAD || rv == CKR_FUNCTION_NOT_SUPPORTED ||
                  rv == CKR_FUNCTION_NOT_PARALLEL || rv == CKR_SESSION_HANDLE_INVALID ||
                  rv == CKR_SLOT_ID_INVALID)
          << "function " << index << " of " << first << ": " << rv;
    }
    CK_SESSION_INFO info{};
    const CK_SESSION_HANDLE own = p11.C_GetSessionInfo(session, &info) == CKR_OK ? session : open();
    // What is right for these depends on the function; that each of them answers does not.
    for (const CK_ULONG first : {kSlot, own}) {
      functions.at(index)(first, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr);
    }
  }
}

}  // namespace
