// Receipts that are kept where `[receipts]` says.
#pragma once

#include <string>

#include "base/log.h"
#include "remote/signing_service.h"

namespace sealwright::remote {

// As <operation id>.tlog-proof in `folder`. The signature counts without it: what is wrong is a
// line that says how to get it later.
void keep_receipt(const std::string& folder, const std::string& signer, const Signed& made,
                  const Log& log) noexcept;

}  // namespace sealwright::remote
