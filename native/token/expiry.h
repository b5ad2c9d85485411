// Warnings of certificates that are at their end.
#pragma once

#include <string>
#include <vector>

#include "base/log.h"
#include "token/signer.h"

namespace sealwright::token {

// Of one list of signers. A signer is warned of once a process.
class ExpiryWarnings {
 public:
  // Within 30 days of the certificate's end, or past it.
  void look_at(const Signer& signer);
  // A line each; one for all where they are many: whoever sees a thousand signers uses one.
  void write(const Log& log) const;

 private:
  std::vector<std::string> names_;
  std::vector<std::string> lines_;
};

}  // namespace sealwright::token
