// A control plane in the test's own process: real keys, real certificates, faults on demand.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "crypto/public_key.h"
#include "remote/signing_service.h"

namespace sealwright::test {

inline const std::string kApiKey = "swk_" + std::string(43, 'a');
inline const std::string kOtherApiKey = "swk_" + std::string(43, 'b');

struct NewSigner {
  std::string name;
  std::uint32_t number = 0;
  const crypto::KeyKind* kind = &crypto::kEc;
  int days = 400;                                  // from now to the end of the certificate
  std::string not_after = "2030-01-01T00:00:00Z";  // as the control plane tells it
};

class LocalSigningService : public remote::SigningService {
 public:
  LocalSigningService();
  ~LocalSigningService() override;
  LocalSigningService(const LocalSigningService&) = delete;
  LocalSigningService& operator=(const LocalSigningService&) = delete;

  // A new key pair and certificate under root and intermediate; again for the same number: renewal.
  void issue(const NewSigner& signer);
  void set_status(std::uint32_t number, remote::SignerStatus status);
  void remove(std::uint32_t number);
  // What is inside the certificate's outermost SEQUENCE becomes nonsense.
  void break_certificate(std::uint32_t number);
  // The keys that are known; anything else is answered as 401. Initially kApiKey.
  void accept(const std::string& api_key);

  Result<std::unique_ptr<remote::Catalogue>> fetch_catalogue(
      const remote::Credential& credential, const std::optional<std::string>& held) override;
  Result<remote::Signed> sign(const remote::Credential& credential, const std::string& signer,
                              const std::string& certificate_serial,
                              const crypto::DigestToSign& what) override;
  void stop() noexcept override {}
  void abandon_after_fork() noexcept override {}

  std::atomic<int> fetches{0};
  std::atomic<int> signatures{0};
  std::atomic<bool> unreachable{false};
  std::function<void()> before_signing;  // runs on the calling thread
  std::function<void(Bytes&)> spoil;     // alters the signature on its way
  std::string last_api_key;              // of the last call to sign
  std::optional<std::string> last_held;  // of the last call for the list

 private:
  struct Keys;
  std::mutex mutex_;
  std::unique_ptr<Keys> keys_;
  std::map<std::uint32_t, remote::SignerRecord> records_;
  std::vector<std::string> accepted_{kApiKey};
  int version_ = 0;
};

}  // namespace sealwright::test
