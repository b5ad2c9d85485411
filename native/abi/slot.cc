// PKCS#11 v2.40 §5.5 Slot and token management functions.

#include <vector>

#include "abi/arguments.h"
#include "abi/functions.h"
#include "abi/library_version.h"

namespace sealwright::abi {
namespace {

constexpr CK_ULONG kMaxPinLength = 255;

}  // namespace

Result<void> get_slot_list(library::Provider& provider, CK_BBOOL tokenPresent,
                           CK_SLOT_ID_PTR pSlotList, CK_ULONG_PTR pulCount) {
  if (pulCount == nullptr) {
    return bad_argument("pulCount");
  }
  const auto slots = provider.tokens().slots();
  if (!slots) {
    return fail(slots.error());
  }
  std::vector<CK_SLOT_ID> ids;
  for (const token::Slot& slot : *slots) {
    if (slot.has_token || tokenPresent == CK_FALSE) {
      ids.push_back(slot.id);
    }
  }
  return deliver(ids, pSlotList, pulCount, "pulCount");
}

Result<void> get_slot_info(library::Provider& provider, CK_SLOT_ID slotID, CK_SLOT_INFO_PTR pInfo) {
  if (pInfo == nullptr) {
    return bad_argument("pInfo");
  }
  const auto slot = provider.tokens().slot(slotID);
  if (!slot) {
    return fail(slot.error());
  }
  *pInfo = {};
  pad(pInfo->slotDescription, "Sealwright signer " + slot->name);
  pad(pInfo->manufacturerID, "Sealwright");
  pInfo->flags = slot->has_token ? CKF_TOKEN_PRESENT : 0;
  pInfo->firmwareVersion = kLibraryVersion;
  return {};
}

Result<void> get_token_info(library::Provider& provider, CK_SLOT_ID slotID,
                            CK_TOKEN_INFO_PTR pInfo) {
  if (pInfo == nullptr) {
    return bad_argument("pInfo");
  }
  const auto slot = provider.tokens().token(slotID);
  if (!slot) {
    return fail(slot.error());
  }
  const auto serial = provider.tokens().serial(*slot);
  if (!serial) {
    return fail(serial.error());
  }
  const auto sessions = provider.sessions().count(slotID);
  *pInfo = {};
  pad(pInfo->label, slot->name);
  pad(pInfo->manufacturerID, "Sealwright");
  pad(pInfo->model, "code signer");
  pad(pInfo->serialNumber, *serial);
  pInfo->flags = CKF_TOKEN_INITIALIZED | CKF_USER_PIN_INITIALIZED | CKF_RNG |
                 (provider.tokens().login_required() ? CKF_LOGIN_REQUIRED : 0) |
                 (provider.tokens().had_wrong_pin(slotID) ? CKF_USER_PIN_COUNT_LOW : 0);
  pInfo->ulMaxSessionCount = CK_EFFECTIVELY_INFINITE;
  pInfo->ulSessionCount = sessions.all;
  pInfo->ulMaxRwSessionCount = CK_EFFECTIVELY_INFINITE;
  pInfo->ulRwSessionCount = sessions.read_write;
  pInfo->ulMaxPinLen = kMaxPinLength;
  pInfo->ulMinPinLen = 0;
  pInfo->ulTotalPublicMemory = CK_UNAVAILABLE_INFORMATION;
  pInfo->ulFreePublicMemory = CK_UNAVAILABLE_INFORMATION;
  pInfo->ulTotalPrivateMemory = CK_UNAVAILABLE_INFORMATION;
  pInfo->ulFreePrivateMemory = CK_UNAVAILABLE_INFORMATION;
  pInfo->firmwareVersion = kLibraryVersion;
  pad(pInfo->utcTime, "");  // no clock on the token
  return {};
}

// Slots change only when a list is asked for, so there is never an event to wait for.
Result<void> wait_for_slot_event(library::Provider&, CK_FLAGS flags, CK_SLOT_ID_PTR pSlot,
                                 CK_VOID_PTR pReserved) {
  if (pSlot == nullptr || pReserved != nullptr) {
    return bad_argument("pSlot or pReserved");
  }
  if ((flags & CKF_DONT_BLOCK) != 0) {
    return fail(CKR_NO_EVENT, "no slot changed");
  }
  return fail(CKR_FUNCTION_NOT_SUPPORTED, "waiting for a slot event would never end");
}

Result<void> get_mechanism_list(library::Provider& provider, CK_SLOT_ID slotID,
                                CK_MECHANISM_TYPE_PTR pMechanismList, CK_ULONG_PTR pulCount) {
  const auto slot = provider.tokens().token(slotID);
  if (!slot) {
    return fail(slot.error());
  }
  return deliver(token::Tokens::mechanisms(*slot), pMechanismList, pulCount, "pulCount");
}

Result<void> get_mechanism_info(library::Provider& provider, CK_SLOT_ID slotID,
                                CK_MECHANISM_TYPE type, CK_MECHANISM_INFO_PTR pInfo) {
  if (pInfo == nullptr) {
    return bad_argument("pInfo");
  }
  const auto slot = provider.tokens().token(slotID);
  if (!slot) {
    return fail(slot.error());
  }
  const auto info = token::Tokens::mechanism_info(*slot, type);
  if (!info) {
    return fail(info.error());
  }
  *pInfo = *info;
  return {};
}

}  // namespace sealwright::abi
