// The control planes that the configuration names, checked.
#pragma once

#include <vector>

#include "base/settings.h"
#include "net/url.h"

namespace sealwright::remote {

// In the order of the settings; never empty.
// Errors (for the person): none configured, a url that cannot be understood, or one that would
// send API keys over plain HTTP to another machine.
Result<std::vector<net::Url>> endpoints(const Settings& settings);

}  // namespace sealwright::remote
