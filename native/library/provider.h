// Everything that lives between C_Initialize and C_Finalize.
#pragma once

#include <memory>

#include "base/log.h"
#include "base/settings.h"
#include "remote/signing_service.h"
#include "session/session.h"
#include "token/tokens.h"

namespace sealwright::library {

class Provider {
 public:
  // The service is the one of the settings, or a stand-in.
  Provider(Settings settings, std::unique_ptr<remote::SigningService> service);
  explicit Provider(Settings settings);
  Provider(const Provider&) = delete;
  Provider& operator=(const Provider&) = delete;

  [[nodiscard]] const Log& log() const { return log_; }
  [[nodiscard]] token::Tokens& tokens() { return tokens_; }
  [[nodiscard]] session::Sessions& sessions() { return sessions_; }

  // Ends waits for an approval; calls that run hold the provider and end by themselves.
  void stop() noexcept { service_->stop(); }
  // In a forked child, for the parent's provider, which is then leaked as it stands.
  void abandon_after_fork() noexcept { service_->abandon_after_fork(); }

 private:
  const Settings settings_;
  const Log log_;
  const std::unique_ptr<remote::SigningService> service_;
  token::Tokens tokens_;
  session::Sessions sessions_;
};

}  // namespace sealwright::library
