// The settings in force: a TOML file, and SEALWRIGHT_* variables that win over it. Which there are
// stands in table.cc; besides them, [signers] NAME = NUMBER are the slots where there is no key.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "base/settings.h"

namespace sealwright::settings {

// And where they come from.
struct LoadedSettings : Settings {
  std::string file;                    // the one that was read; empty: none
  std::string withheld;                // the machine's file, where it is not for this user's eyes
  std::vector<std::string> variables;  // the names of those that were set
  std::string key_source;              // variable or file of the API key; empty: there is none
  bool has_own_proxy = false;          // proxy.url is a setting of ours, not HTTPS_PROXY
};

// The file is the one that SEALWRIGHT_CONFIG names, else ~/.config/sealwright/pkcs11.toml, else
// /etc/sealwright/pkcs11.toml, else none. The last one counts as absent where the user may not read
// it and the variables suffice; in a privileged process it is the only one, without variables,
// log file and receipts. No url at all is no error here: a module that nobody configured must load.
// Errors: CKR_GENERAL_ERROR for the person, naming the file and line, or the variable.
Result<LoadedSettings> load_settings();

}  // namespace sealwright::settings
