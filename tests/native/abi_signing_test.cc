// Signing and verifying step by step: what each call returns, what it leaves active, and what it
// costs the control plane.
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <memory>
#include <thread>

#include "abi/functions.h"
#include "local_signing_service.h"

namespace sealwright::abi {
namespace {

using test::LocalSigningService;

constexpr CK_SLOT_ID kSlot = 7;

class SigningTest : public ::testing::TestWithParam<const crypto::KeyKind*> {
 protected:
  SigningTest() {
    auto service = std::make_unique<LocalSigningService>();
    service_ = service.get();
    service_->issue({"release", kSlot, GetParam()});
    Settings settings;
    settings.log_level = LogLevel::kOff;
    settings.api_key = Secret(test::kApiKey);
    provider_ = std::make_unique<library::Provider>(settings, std::move(service));
    session_ = open();
    private_key_ = find(CKO_PRIVATE_KEY);
    public_key_ = find(CKO_PUBLIC_KEY);
  }

  static CK_RV rv(const Result<void>& result) { return result ? CKR_OK : result.error().rv; }

  CK_SESSION_HANDLE open() {
    CK_SESSION_HANDLE session = CK_INVALID_HANDLE;
    EXPECT_TRUE(open_session(*provider_, kSlot, CKF_SERIAL_SESSION, nullptr, nullptr, &session));
    return session;
  }

  CK_OBJECT_HANDLE find(CK_OBJECT_CLASS object_class) {
    CK_ATTRIBUTE criterion{CKA_CLASS, &object_class, sizeof object_class};
    std::array<CK_OBJECT_HANDLE, 2> found{};
    CK_ULONG count = 0;
    EXPECT_TRUE(find_objects_init(*provider_, session_, &criterion, 1));
    EXPECT_TRUE(find_objects(*provider_, session_, found.data(), found.size(), &count));
    EXPECT_TRUE(find_objects_final(*provider_, session_));
    EXPECT_EQ(count, 1U);
    return found[0];
  }

  CK_MECHANISM_TYPE hashing() const {
    if (GetParam() == &crypto::kEdwards) return CKM_EDDSA;
    return GetParam() == &crypto::kRsa ? CKM_SHA256_RSA_PKCS : CKM_ECDSA_SHA256;
  }
  std::size_t length() const { return GetParam() == &crypto::kRsa ? 256 : 64; }

  CK_RV start() { return start(session_); }
  CK_RV start(CK_SESSION_HANDLE session) {
    CK_MECHANISM mechanism{hashing(), nullptr, 0};
    return rv(sign_init(*provider_, session, &mechanism, private_key_));
  }
  CK_RV sign_data(CK_BYTE_PTR out, CK_ULONG_PTR size) { return sign_data(session_, out, size); }
  CK_RV sign_data(CK_SESSION_HANDLE session, CK_BYTE_PTR out, CK_ULONG_PTR size) {
    return rv(sign(*provider_, session, data_.data(), data_.size(), out, size));
  }
  CK_RV check(Bytes& signature) {
    CK_MECHANISM mechanism{hashing(), nullptr, 0};
    EXPECT_TRUE(verify_init(*provider_, session_, &mechanism, public_key_));
    return rv(verify(*provider_, session_, data_.data(), data_.size(), signature.data(),
                     signature.size()));
  }

  LocalSigningService* service_ = nullptr;
  std::unique_ptr<library::Provider> provider_;
  CK_SESSION_HANDLE session_ = 0;
  CK_OBJECT_HANDLE private_key_ = 0;
  CK_OBJECT_HANDLE public_key_ = 0;
  Bytes data_ = Bytes(5000, 0x41);
};

TEST_P(SigningTest, AProbeCostsNoRequestAndLeavesTheOperationActive) {
  ASSERT_EQ(start(), CKR_OK);
  CK_ULONG size = ~CK_ULONG{0};  // garbage, as some tools leave there
  EXPECT_EQ(sign_data(nullptr, &size), CKR_OK);
  EXPECT_EQ(size, length());
  Bytes signature(length());
  size = length() - 1;
  EXPECT_EQ(sign_data(signature.data(), &size), CKR_BUFFER_TOO_SMALL);
  EXPECT_EQ(size, length());
  EXPECT_EQ(service_->signatures, 0);
  EXPECT_EQ(sign_data(signature.data(), &size), CKR_OK);
  EXPECT_EQ(service_->signatures, 1);
  EXPECT_EQ(check(signature), CKR_OK);
  EXPECT_EQ(sign_data(signature.data(), &size), CKR_OPERATION_NOT_INITIALIZED);
}

TEST_P(SigningTest, PartsAreSignedOnceAndProbedForNothing) {
  ASSERT_EQ(start(), CKR_OK);
  EXPECT_EQ(rv(sign_update(*provider_, session_, data_.data(), 1025)), CKR_OK);
  EXPECT_EQ(rv(sign_update(*provider_, session_, &data_[1025], data_.size() - 1025)), CKR_OK);
  CK_ULONG size = 0;
  EXPECT_EQ(rv(sign_final(*provider_, session_, nullptr, &size)), CKR_OK);
  Bytes signature(size);
  size = 1;
  EXPECT_EQ(rv(sign_final(*provider_, session_, signature.data(), &size)), CKR_BUFFER_TOO_SMALL);
  EXPECT_EQ(rv(sign_final(*provider_, session_, signature.data(), &size)), CKR_OK);
  EXPECT_EQ(service_->signatures, 1);
  EXPECT_EQ(check(signature), CKR_OK);
}

TEST_P(SigningTest, EveryFailureEndsTheOperation) {
  Bytes signature(length());
  CK_ULONG size = signature.size();
  service_->unreachable = true;
  ASSERT_EQ(start(), CKR_OK);
  EXPECT_EQ(start(), CKR_OPERATION_ACTIVE);
  EXPECT_EQ(sign_data(signature.data(), &size), CKR_DEVICE_ERROR);
  service_->unreachable = false;
  ASSERT_EQ(start(), CKR_OK);
  EXPECT_EQ(sign_data(signature.data(), nullptr), CKR_ARGUMENTS_BAD);
  ASSERT_EQ(start(), CKR_OK);
  EXPECT_EQ(rv(sign_update(*provider_, session_, nullptr, 5)), CKR_ARGUMENTS_BAD);
  ASSERT_EQ(start(), CKR_OK);
  EXPECT_EQ(rv(sign_update(*provider_, session_, data_.data(), 5)), CKR_OK);
  EXPECT_EQ(sign_data(signature.data(), &size), CKR_OPERATION_NOT_INITIALIZED)
      << "not after a part";
  ASSERT_EQ(start(), CKR_OK);
  EXPECT_EQ(sign_data(signature.data(), &size), CKR_OK);
}

TEST_P(SigningTest, AnExceptionEndsTheOperationToo) {
  Bytes signature(length());
  CK_ULONG size = signature.size();
  service_->before_signing = [] { throw std::bad_alloc(); };
  ASSERT_EQ(start(), CKR_OK);
  EXPECT_THROW(sign_data(signature.data(), &size), std::bad_alloc);
  service_->before_signing = nullptr;
  EXPECT_EQ(start(), CKR_OK);
}

TEST_P(SigningTest, AWrongSignatureFromTheServerNeverLeaves) {
  Bytes signature(length());
  CK_ULONG size = signature.size();
  service_->spoil = [](Bytes& octets) { octets.resize(octets.size() - 1); };
  ASSERT_EQ(start(), CKR_OK);
  EXPECT_EQ(sign_data(signature.data(), &size), CKR_DEVICE_ERROR);
  EXPECT_EQ(signature, Bytes(length())) << "the buffer is not touched";
}

TEST_P(SigningTest, ARenewedSignerRefusesTheOldHandle) {
  service_->issue({"release", kSlot, GetParam()});
  Bytes signature(length());
  CK_ULONG size = signature.size();
  ASSERT_EQ(start(), CKR_OK);
  EXPECT_EQ(sign_data(signature.data(), &size), CKR_FUNCTION_REJECTED);
}

TEST_P(SigningTest, ASessionMayBeClosedWhileItSigns) {
  Bytes signature(length());
  CK_ULONG size = signature.size();
  ASSERT_EQ(start(), CKR_OK);
  service_->before_signing = [this] {
    std::thread([this] { EXPECT_TRUE(close_session(*provider_, session_)); }).join();
  };
  EXPECT_EQ(sign_data(signature.data(), &size), CKR_OK);
  EXPECT_EQ(start(), CKR_SESSION_HANDLE_INVALID);
}

TEST_P(SigningTest, SessionsDoNotWaitForEachOther) {
  const CK_SESSION_HANDLE other = open();
  Bytes signature(length());
  CK_ULONG size = signature.size();
  std::atomic<bool> inside{false};
  service_->before_signing = [&] {
    if (inside.exchange(true)) {
      return;
    }
    std::thread([&] {
      Bytes second(length());
      CK_ULONG second_size = second.size();
      EXPECT_EQ(start(other), CKR_OK);
      EXPECT_EQ(sign_data(other, second.data(), &second_size), CKR_OK);
    }).join();
  };
  ASSERT_EQ(start(), CKR_OK);
  EXPECT_EQ(sign_data(signature.data(), &size), CKR_OK);
  EXPECT_EQ(service_->signatures, 2);
}

TEST_P(SigningTest, OnlyTheRightKeyWithTheRightMechanismStarts) {
  CK_MECHANISM mechanism{hashing(), nullptr, 0};
  EXPECT_EQ(rv(sign_init(*provider_, session_, nullptr, private_key_)), CKR_ARGUMENTS_BAD);
  EXPECT_EQ(rv(sign_init(*provider_, session_, &mechanism, 0)), CKR_KEY_HANDLE_INVALID);
  EXPECT_EQ(rv(sign_init(*provider_, session_, &mechanism, public_key_)),
            CKR_KEY_FUNCTION_NOT_PERMITTED);
  EXPECT_EQ(rv(verify_init(*provider_, session_, &mechanism, private_key_)),
            CKR_KEY_FUNCTION_NOT_PERMITTED);
  mechanism.mechanism = CKM_SHA1_RSA_PKCS;
  EXPECT_EQ(rv(sign_init(*provider_, session_, &mechanism, private_key_)), CKR_MECHANISM_INVALID);
  mechanism.mechanism = GetParam() == &crypto::kRsa ? CKM_ECDSA : CKM_RSA_PKCS;
  EXPECT_EQ(rv(sign_init(*provider_, session_, &mechanism, private_key_)),
            CKR_KEY_TYPE_INCONSISTENT);
  EXPECT_EQ(rv(sign_init(*provider_, 4711, &mechanism, private_key_)), CKR_SESSION_HANDLE_INVALID);
}

TEST_P(SigningTest, VerifyTellsABadSignatureFromOneOfAnotherLength) {
  Bytes signature(length());
  CK_ULONG size = signature.size();
  ASSERT_EQ(start(), CKR_OK);
  ASSERT_EQ(sign_data(signature.data(), &size), CKR_OK);
  signature.back() ^= 1;
  EXPECT_EQ(check(signature), CKR_SIGNATURE_INVALID);
  signature.pop_back();
  EXPECT_EQ(check(signature), CKR_SIGNATURE_LEN_RANGE);
  signature.clear();
  EXPECT_EQ(check(signature), CKR_SIGNATURE_LEN_RANGE);
}

TEST_P(SigningTest, AFindASignatureAndADigestShareASession) {
  Bytes signature(length());
  CK_ULONG size = signature.size();
  CK_MECHANISM sha256{CKM_SHA256, nullptr, 0};
  ASSERT_TRUE(find_objects_init(*provider_, session_, nullptr, 0));
  ASSERT_TRUE(digest_init(*provider_, session_, &sha256));
  ASSERT_EQ(start(), CKR_OK);
  EXPECT_EQ(sign_data(signature.data(), &size), CKR_OK);
  std::array<CK_BYTE, 32> digest_octets{};
  CK_ULONG digest_size = digest_octets.size();
  EXPECT_TRUE(digest(*provider_, session_, data_.data(), 3, digest_octets.data(), &digest_size));
  std::array<CK_OBJECT_HANDLE, 9> found{};
  CK_ULONG count = 0;
  EXPECT_TRUE(find_objects(*provider_, session_, found.data(), 2, &count));
  EXPECT_EQ(count, 2U);
  EXPECT_TRUE(find_objects(*provider_, session_, found.data(), found.size(), &count));
  EXPECT_EQ(count, 3U);
  EXPECT_TRUE(find_objects(*provider_, session_, found.data(), found.size(), &count));
  EXPECT_EQ(count, 0U);
}

TEST_P(SigningTest, ManyThreadsSignAtOnce) {
  std::vector<std::thread> threads;
  std::atomic<int> signed_well{0};
  for (int thread = 0; thread < 8; ++thread) {
    threads.emplace_back([&] {
      const CK_SESSION_HANDLE session = open();
      for (int round = 0; round < 5; ++round) {
        Bytes signature(length());
        CK_ULONG size = signature.size();
        signed_well +=
            start(session) == CKR_OK && sign_data(session, signature.data(), &size) == CKR_OK ? 1
                                                                                              : 0;
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  EXPECT_EQ(signed_well, 40);
}

INSTANTIATE_TEST_SUITE_P(Kinds, SigningTest, ::testing::ValuesIn(crypto::kKeyKinds),
                         [](const auto& info) { return std::string(info.param->openssl_name); });

}  // namespace
}  // namespace sealwright::abi
