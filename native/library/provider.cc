#include "library/provider.h"

#include <utility>

#include "remote/http_control_plane.h"
#include "remote/remote_signing_service.h"

namespace sealwright::library {

Provider::Provider(Settings settings, std::unique_ptr<remote::SigningService> service)
    : settings_(std::move(settings)),
      log_(settings_.log_level, settings_.log_file),
      service_(std::move(service)),
      tokens_(settings_, log_, *service_) {}

Provider::Provider(Settings settings)
    : settings_(std::move(settings)),
      log_(settings_.log_level, settings_.log_file),
      service_(std::make_unique<remote::RemoteSigningService>(
          std::make_unique<remote::HttpControlPlane>(settings_, log_), settings_.approval,
          settings_.receipts_folder, log_)),
      tokens_(settings_, log_, *service_) {}

}  // namespace sealwright::library
