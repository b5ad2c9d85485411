// What the targets behind the C surface share: a token for each kind of key, whose keys are in this
// process.
#pragma once

#include <memory>

#include "abi/functions.h"
#include "fuzz/input.h"
#include "local_signing_service.h"

namespace sealwright::fuzz {

constexpr CK_SLOT_ID kRsaSlot = 1;
constexpr CK_SLOT_ID kEcSlot = 2;
constexpr CK_SLOT_ID kEdwardsSlot = 3;

inline CK_RV rv(const Result<void>& result) { return result ? CKR_OK : result.error().rv; }

// Made once: keys take longer to make than most inputs to run.
inline test::LocalSigningService& control_plane() {
  static auto* const made = [] {
    auto* const service = new test::LocalSigningService;
    service->issue({"rsa", kRsaSlot, &crypto::kRsa});
    service->issue({"ec", kEcSlot, &crypto::kEc});
    service->issue({"edwards", kEdwardsSlot, &crypto::kEdwards});
    return service;
  }();
  return *made;
}

// One provider's view of the shared control plane.
class SharedControlPlane final : public remote::SigningService {
 public:
  Result<std::unique_ptr<remote::Catalogue>> fetch_catalogue(
      const remote::Credential& credential, const std::optional<std::string>& held) override {
    return control_plane().fetch_catalogue(credential, held);
  }
  Result<remote::Signed> sign(const remote::Credential& credential, const std::string& signer,
                              const std::string& certificate_serial,
                              const crypto::DigestToSign& what) override {
    return control_plane().sign(credential, signer, certificate_serial, what);
  }
  void stop() noexcept override {}
  void abandon_after_fork() noexcept override {}
};

// As between C_Initialize and C_Finalize.
inline std::unique_ptr<library::Provider> make_provider(bool login_required = false) {
  Settings settings;
  settings.log_level = LogLevel::kOff;
  settings.api_key = Secret(test::kApiKey);
  settings.login_required = login_required;
  return std::make_unique<library::Provider>(settings, std::make_unique<SharedControlPlane>());
}

inline CK_SESSION_HANDLE open_session_on(library::Provider& provider, CK_SLOT_ID slot) {
  CK_SESSION_HANDLE session = CK_INVALID_HANDLE;
  require(rv(abi::open_session(provider, slot, CKF_SERIAL_SESSION, nullptr, nullptr, &session)) ==
              CKR_OK,
          "a session opens");
  return session;
}

// Memory that ends where it says, on the heap where a sanitizer watches its edges.
class Buffer {
 public:
  explicit Buffer(ByteView content) : size_(content.size()), memory_(new CK_BYTE[content.size()]) {
    std::copy(content.begin(), content.end(), memory_.get());
  }
  explicit Buffer(std::size_t size) : size_(size), memory_(new CK_BYTE[size]()) {}

  [[nodiscard]] CK_BYTE* data() const { return memory_.get(); }
  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] ByteView view() const { return {memory_.get(), size_}; }

 private:
  std::size_t size_;
  std::unique_ptr<CK_BYTE[]> memory_;
};

}  // namespace sealwright::fuzz
