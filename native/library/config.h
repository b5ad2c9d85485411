// The module's configuration: a TOML file, and SEALWRIGHT_* variables that win over it.
//
//   url = "https://…"                 or a list, tried in turn        SEALWRIGHT_URL (commas)
//   api_key = "swk_…"                                                 SEALWRIGHT_API_KEY
//   api_key_file = "/path"                                            SEALWRIGHT_API_KEY_FILE
//   login_required = false                                            SEALWRIGHT_LOGIN_REQUIRED
//   insecure = false                                                  SEALWRIGHT_INSECURE
//   [signers] NAME = NUMBER           slots where there is no key
//   [tls] ca_file                                                     SEALWRIGHT_CA_FILE
//         client_cert, client_key                    SEALWRIGHT_CLIENT_CERT, SEALWRIGHT_CLIENT_KEY
//   [proxy] url = "http://…"          for https                       SEALWRIGHT_PROXY_URL, else
//                                                                     HTTPS_PROXY; NO_PROXY
//   [timeouts] connect = 5            seconds, 0.1 to 3600            SEALWRIGHT_CONNECT_TIMEOUT
//              request = 30                                           SEALWRIGHT_REQUEST_TIMEOUT
//              list = 15                                              SEALWRIGHT_LIST_TIMEOUT
//   [approval] request = false                                        SEALWRIGHT_APPROVAL_REQUEST
//              window = "8h"          1s to 30d                       SEALWRIGHT_APPROVAL_WINDOW
//              signings = 25          1 to 1000000000                 SEALWRIGHT_APPROVAL_SIGNINGS
//              justification = "why"  1 to 2048 characters       SEALWRIGHT_APPROVAL_JUSTIFICATION
//              wait = "10m"           1s to 7d                        SEALWRIGHT_APPROVAL_WAIT
//   [log] level = "off|error|warning|info|debug"                      SEALWRIGHT_LOG_LEVEL
//         file = "/path"                                              SEALWRIGHT_LOG_FILE
#pragma once

#include "base/result.h"
#include "base/settings.h"

namespace sealwright {

// The file is the one that SEALWRIGHT_CONFIG names, else ~/.config/sealwright/pkcs11.toml, else
// /etc/sealwright/pkcs11.toml, else none. An empty variable counts as unset; a process that runs
// with raised privileges has no variables (secure_getenv). No url at all is no error here: a
// module that nobody configured must load.
// Errors: CKR_GENERAL_ERROR for the person, naming the file and line, or the variable.
Result<Settings> load_settings();

}  // namespace sealwright
