// Why a signer does not sign, for the person at the tool: said on whatever road the tool takes to
// it, once, with what to do. Many tools show a number at most, and Java hides that too.
#pragma once

#include <p11-kit/pkcs11.h>

#include <cstddef>
#include <mutex>
#include <set>

#include "base/log.h"
#include "base/settings.h"
#include "token/catalogue.h"
#include "token/signer.h"

namespace sealwright::token {

// Any number of threads.
class Reasons {
 public:
  explicit Reasons(const Log& log) : log_(log) {}

  // Somebody looked at the slot of a signer that is no token: maybe for want of it, maybe in
  // passing all slots, so that of many signers some are told of.
  void seen_without_token(const Signer& signer);
  // Somebody wants this one.
  void wanted_without_token(const Signer& signer);
  // A certificate that ends soon.
  void in_use(const Signer& signer);
  // A number that is in no list: with those that are.
  void unknown_number(CK_SLOT_ID number, const Snapshot& known);
  void unknown_number(CK_SLOT_ID number, const Settings& named);
  // No list: there is no key, and none can come by login.
  void no_key();
  // The list is empty.
  void no_signers();

 private:
  [[nodiscard]] bool is_first(CK_SLOT_ID number);

  const Log& log_;
  std::mutex mutex_;              // guards what follows; never held across a write
  std::set<CK_SLOT_ID> told_of_;  // numbers of signers, known or not
  std::size_t seen_ = 0;
  bool said_no_key_ = false;
  bool said_no_signers_ = false;
};

}  // namespace sealwright::token
