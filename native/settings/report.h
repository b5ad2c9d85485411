// The settings as this module reads them, for the one who looks after a machine.
#pragma once

#include <string>

#include "base/result.h"
#include "settings/load.h"

namespace sealwright::settings {

// A JSON object without line ends, in UTF-8 but for file names, whose octets stand as they are. It
// holds no secret. "version" is the module's; where it cannot be loaded "fault" says why, as
// C_Initialize would; else there are
//   file, withheld, key_source, log_file, ca_file, client_cert, client_key   texts, "" for none
//   log_file_fault                                                           why no line goes there
//   variables, urls                                                          lists of texts
//   signers                                                                  name: number
//   connect_timeout, request_timeout                                         seconds
//   open_folders         file: those above it where others can put another file in its place
std::string report(const Result<LoadedSettings>& loaded);

}  // namespace sealwright::settings
