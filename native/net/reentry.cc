#include "net/reentry.h"

namespace sealwright::net {
namespace {
constinit thread_local int depth = 0;
}

bool inside_network_call() noexcept { return depth > 0; }
NetworkCall::NetworkCall() noexcept { ++depth; }
NetworkCall::~NetworkCall() { --depth; }

}  // namespace sealwright::net
