// What the audit row says about the process that asked: a claim, not a proof.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace sealwright::remote {

struct ClientContext {
  std::string tool;     // file name of the running program
  std::string command;  // its arguments, secrets masked
  std::string hostname;
  std::string os_user;
  std::string module_version;
};

// All members are valid UTF-8 of limited length; what cannot be had is empty.
ClientContext describe_this_process();

// "jarsigner on build7 as ci": the same whenever the same tool, machine and user ask; one line.
std::string who_asks(const ClientContext& client);

// Arguments joined by spaces, quoted where a shell would need that to tell them apart. Masked as
// "***", argument by argument: API keys, the values of password options (-storepass X, --pin=X,
// -passin pass:X, …), pin-value in PKCS#11 URIs, passwords in URLs.
std::string mask_command(const std::vector<std::string>& arguments);

}  // namespace sealwright::remote
