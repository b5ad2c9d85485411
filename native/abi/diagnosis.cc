#include "abi/diagnosis.h"

#include <algorithm>
#include <optional>
#include <string_view>

#include "abi/arguments.h"
#include "abi/guard.h"
#include "settings/load.h"
#include "settings/report.h"

namespace sealwright::abi {
namespace {

using settings::LoadedSettings;

Result<void> give(std::string_view what, CK_UTF8CHAR_PTR text, CK_ULONG_PTR length) {
  const auto delivery = judge_buffer(text, length, what.size(), "length");
  if (!delivery) return fail(delivery.error());
  if (*delivery == Delivery::kValues) std::copy(what.begin(), what.end(), text);
  return {};
}

std::string_view revealed(const std::optional<Secret>& secret) {
  return secret ? secret->reveal() : std::string_view();
}

CK_RV report(CK_UTF8CHAR_PTR text, CK_ULONG_PTR length) {
  return guard_lifecycle(
      "report", [&] { return give(settings::report(settings::load_settings()), text, length); });
}

template <typename Choose>
CK_RV give_secret(const char* function, CK_UTF8CHAR_PTR text, CK_ULONG_PTR length, Choose choose) {
  return guard_lifecycle(function, [&]() -> Result<void> {
    const Result<LoadedSettings> loaded = settings::load_settings();
    // Not for the person: the report tells.
    if (!loaded) return fail(loaded.error().rv, loaded.error().message);
    return give(choose(*loaded), text, length);
  });
}

CK_RV api_key(CK_UTF8CHAR_PTR text, CK_ULONG_PTR length) {
  return give_secret("api_key", text, length,
                     [](const LoadedSettings& loaded) { return revealed(loaded.api_key); });
}

CK_RV proxy_url(CK_UTF8CHAR_PTR text, CK_ULONG_PTR length) {
  return give_secret("proxy_url", text, length, [](const LoadedSettings& loaded) {
    return loaded.has_own_proxy ? revealed(loaded.proxy.url) : std::string_view();
  });
}

}  // namespace

char diagnosis_name[] = "Vendor Sealwright diagnosis";
Diagnosis diagnosis{kDiagnosisVersion, report, api_key, proxy_url};

}  // namespace sealwright::abi
