#include "remote/receipts.h"

#include <system_error>

#include "base/new_file.h"

namespace sealwright::remote {

void keep_receipt(const std::string& folder, const std::string& signer, const Signed& made,
                  const Log& log) noexcept {
  try {
    const std::string about = "signer \"" + signer + "\": signed, and no receipt is kept: ";
    if (made.operation_id.empty()) {
      log.tell(about + "the control plane does not tell the operation's id");
      return;
    }
    const std::string later = "; sealwright receipt get " + made.operation_id + " gives it later";
    if (made.receipt.empty()) {
      log.tell(about + "the control plane gave none" + later);
      return;
    }
    const std::string name = made.operation_id + ".tlog-proof";
    const int fault = make_file(folder, name, made.receipt);
    if (fault == 0) return;
    std::string path = folder;
    path.append(folder.ends_with('/') ? "" : "/").append(name);
    log.tell(about + path + ": " + std::generic_category().message(fault) + later);
  } catch (...) {  // NOLINT(bugprone-empty-catch): out of memory; the signature counts
  }
}

}  // namespace sealwright::remote
