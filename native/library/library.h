// The one global of the module: which provider is in force, if any.
//
// It is leaked on purpose, so that calls from exit handlers meet a library that was never
// destroyed. Every call holds its provider, so that C_Finalize frees nothing under a running call.
// After a fork the child sees no provider until it initialises; the parent's is left as it stands.
#pragma once

#include <memory>

#include "base/result.h"
#include "library/provider.h"

namespace sealwright::library {

// Who loads the module: a tool that was told of it, or whatever loads all that are registered on
// the machine, and should hear nothing of one that nobody configured.
enum class Host { kTool, kRegistry };

// Exactly one of several callers succeeds. Makes no request.
// Errors: CKR_CRYPTOKI_ALREADY_INITIALIZED; CKR_GENERAL_ERROR for a configuration that is wrong.
Result<void> initialize(Host host);

// Running calls end as if nothing had happened, save that they wait for no approval any more;
// later ones find no provider. Waits for nobody, makes no request. Succeeds once in a child whose
// parent was initialised when it forked.
// Errors: CKR_CRYPTOKI_NOT_INITIALIZED.
Result<void> finalize();

// Null: not initialised, in this process.
std::shared_ptr<Provider> provider();

}  // namespace sealwright::library
