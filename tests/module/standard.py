"""What PKCS#11 says of each function: its parameters and the return values that it lists.

The parameters are those of native/spec/functions.toml; the return values are §5.4 to §5.18 of the
base specification v2.40, and §5.4, §5.6 and §5.8 to §5.15 of v3.0 for what that added, as data.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sealwright.cryptoki import CKR

_SPECIFICATION = Path(__file__).resolve().parents[2] / "native" / "spec" / "functions.toml"


@dataclass(frozen=True, slots=True)
class Parameter:
    type: str
    name: str

    @property
    def is_pointer(self) -> bool:
        return self.type.endswith("_PTR") or self.type == "CK_NOTIFY"


@dataclass(frozen=True, slots=True)
class Function:
    name: str
    kind: str  # of functions.toml
    parameters: tuple[Parameter, ...]
    since: str = "2.40"


def _read() -> Mapping[str, Function]:
    entries = tomllib.loads(_SPECIFICATION.read_text())["function"]
    return {
        entry["name"]: Function(
            entry["name"],
            entry["kind"],
            tuple(Parameter(*parameter.split()) for parameter in entry["parameters"]),
            entry.get("since", "2.40"),
        )
        for entry in entries
    }


FUNCTIONS = _read()
SUPPORTED = {name: each for name, each in FUNCTIONS.items() if each.kind != "unsupported"}

_ANYTIME = "OK FUNCTION_FAILED GENERAL_ERROR HOST_MEMORY"
_INITIALIZED = f"{_ANYTIME} CRYPTOKI_NOT_INITIALIZED"
_TOKEN = f"{_INITIALIZED} DEVICE_ERROR DEVICE_MEMORY DEVICE_REMOVED"
_SLOT = f"{_TOKEN} SLOT_ID_INVALID TOKEN_NOT_PRESENT TOKEN_NOT_RECOGNIZED ARGUMENTS_BAD"
_SESSION = f"{_TOKEN} SESSION_CLOSED SESSION_HANDLE_INVALID"
_OBJECT = f"{_SESSION} OBJECT_HANDLE_INVALID"
_CHANGE = f"{_SESSION} PIN_EXPIRED SESSION_READ_ONLY TOKEN_WRITE_PROTECTED USER_NOT_LOGGED_IN"
_VALUES = "ARGUMENTS_BAD ATTRIBUTE_READ_ONLY ATTRIBUTE_TYPE_INVALID ATTRIBUTE_VALUE_INVALID"
_WORK = f"{_SESSION} FUNCTION_CANCELED"
_STEP = f"{_WORK} ARGUMENTS_BAD OPERATION_NOT_INITIALIZED"
_OUTPUT = f"{_STEP} BUFFER_TOO_SMALL"
_START = (
    f"{_WORK} MECHANISM_INVALID MECHANISM_PARAM_INVALID OPERATION_ACTIVE PIN_EXPIRED"
    " USER_NOT_LOGGED_IN"
)
_KEYED = (
    f"{_START} KEY_FUNCTION_NOT_PERMITTED KEY_HANDLE_INVALID KEY_SIZE_RANGE KEY_TYPE_INCONSISTENT"
)
_NEW_KEY = (
    f"{_START} {_CHANGE} {_VALUES} CURVE_NOT_SUPPORTED TEMPLATE_INCOMPLETE TEMPLATE_INCONSISTENT"
)
_DECRYPTION = f"{_OUTPUT} ENCRYPTED_DATA_INVALID ENCRYPTED_DATA_LEN_RANGE USER_NOT_LOGGED_IN"
_VERDICT = f"{_STEP} DATA_LEN_RANGE SIGNATURE_INVALID SIGNATURE_LEN_RANGE"
_RANDOM = f"{_WORK} ARGUMENTS_BAD OPERATION_ACTIVE RANDOM_NO_RNG USER_NOT_LOGGED_IN"
_PIN = f"{_WORK} ARGUMENTS_BAD PIN_INVALID PIN_LEN_RANGE SESSION_READ_ONLY TOKEN_WRITE_PROTECTED"
_LOGIN = (
    f"{_WORK} ARGUMENTS_BAD OPERATION_NOT_INITIALIZED PIN_INCORRECT PIN_LOCKED"
    " SESSION_READ_ONLY_EXISTS USER_ALREADY_LOGGED_IN USER_ANOTHER_ALREADY_LOGGED_IN"
    " USER_PIN_NOT_INITIALIZED USER_TOO_MANY_TYPES USER_TYPE_INVALID"
)
_PARALLEL = (
    "CRYPTOKI_NOT_INITIALIZED FUNCTION_FAILED FUNCTION_NOT_PARALLEL GENERAL_ERROR HOST_MEMORY"
    " SESSION_HANDLE_INVALID SESSION_CLOSED"
)

_LISTED = {
    "C_Initialize": f"{_ANYTIME} ARGUMENTS_BAD CANT_LOCK CRYPTOKI_ALREADY_INITIALIZED"
    " NEED_TO_CREATE_THREADS",
    "C_Finalize": f"{_INITIALIZED} ARGUMENTS_BAD",
    "C_GetInfo": f"{_INITIALIZED} ARGUMENTS_BAD",
    "C_GetFunctionList": f"{_ANYTIME} ARGUMENTS_BAD",
    "C_GetSlotList": f"{_INITIALIZED} ARGUMENTS_BAD BUFFER_TOO_SMALL",
    "C_GetSlotInfo": f"{_INITIALIZED} ARGUMENTS_BAD DEVICE_ERROR SLOT_ID_INVALID",
    "C_GetTokenInfo": _SLOT,
    "C_GetMechanismList": f"{_SLOT} BUFFER_TOO_SMALL",
    "C_GetMechanismInfo": f"{_SLOT} MECHANISM_INVALID",
    "C_InitToken": f"{_SLOT} FUNCTION_CANCELED PIN_INCORRECT PIN_LOCKED SESSION_EXISTS"
    " TOKEN_WRITE_PROTECTED",
    "C_InitPIN": f"{_PIN} USER_NOT_LOGGED_IN",
    "C_SetPIN": f"{_PIN} PIN_INCORRECT PIN_LOCKED",
    "C_OpenSession": f"{_SLOT} SESSION_COUNT SESSION_PARALLEL_NOT_SUPPORTED"
    " SESSION_READ_WRITE_SO_EXISTS TOKEN_WRITE_PROTECTED",
    "C_CloseSession": _SESSION,
    "C_CloseAllSessions": f"{_TOKEN} SLOT_ID_INVALID TOKEN_NOT_PRESENT",
    "C_GetSessionInfo": f"{_SESSION} ARGUMENTS_BAD",
    "C_GetOperationState": f"{_SESSION} ARGUMENTS_BAD BUFFER_TOO_SMALL OPERATION_NOT_INITIALIZED"
    " STATE_UNSAVEABLE",
    "C_SetOperationState": f"{_SESSION} ARGUMENTS_BAD KEY_CHANGED KEY_NEEDED KEY_NOT_NEEDED"
    " SAVED_STATE_INVALID",
    "C_Login": _LOGIN,
    "C_Logout": f"{_SESSION} USER_NOT_LOGGED_IN",
    "C_CreateObject": f"{_CHANGE} {_VALUES} CURVE_NOT_SUPPORTED DOMAIN_PARAMS_INVALID"
    " TEMPLATE_INCOMPLETE TEMPLATE_INCONSISTENT",
    "C_CopyObject": f"{_CHANGE} {_VALUES} ACTION_PROHIBITED OBJECT_HANDLE_INVALID"
    " TEMPLATE_INCONSISTENT",
    "C_DestroyObject": f"{_OBJECT} ACTION_PROHIBITED PIN_EXPIRED SESSION_READ_ONLY"
    " TOKEN_WRITE_PROTECTED",
    "C_GetObjectSize": f"{_OBJECT} ARGUMENTS_BAD INFORMATION_SENSITIVE",
    "C_GetAttributeValue": f"{_OBJECT} ARGUMENTS_BAD ATTRIBUTE_SENSITIVE ATTRIBUTE_TYPE_INVALID"
    " BUFFER_TOO_SMALL",
    "C_SetAttributeValue": f"{_OBJECT} {_VALUES} ACTION_PROHIBITED SESSION_READ_ONLY"
    " TEMPLATE_INCONSISTENT TOKEN_WRITE_PROTECTED USER_NOT_LOGGED_IN",
    "C_FindObjectsInit": f"{_SESSION} ARGUMENTS_BAD ATTRIBUTE_TYPE_INVALID ATTRIBUTE_VALUE_INVALID"
    " OPERATION_ACTIVE PIN_EXPIRED",
    "C_FindObjects": f"{_SESSION} ARGUMENTS_BAD OPERATION_NOT_INITIALIZED",
    "C_FindObjectsFinal": f"{_SESSION} OPERATION_NOT_INITIALIZED",
    "C_EncryptInit": _KEYED,
    "C_Encrypt": f"{_OUTPUT} DATA_INVALID DATA_LEN_RANGE",
    "C_EncryptUpdate": f"{_OUTPUT} DATA_LEN_RANGE",
    "C_EncryptFinal": f"{_OUTPUT} DATA_LEN_RANGE",
    "C_DecryptInit": f"{_KEYED} ARGUMENTS_BAD",
    "C_Decrypt": _DECRYPTION,
    "C_DecryptUpdate": _DECRYPTION,
    "C_DecryptFinal": _DECRYPTION,
    "C_DigestInit": f"{_START} ARGUMENTS_BAD",
    "C_Digest": _OUTPUT,
    "C_DigestUpdate": _STEP,
    "C_DigestKey": f"{_WORK} KEY_HANDLE_INVALID KEY_INDIGESTIBLE KEY_SIZE_RANGE"
    " OPERATION_NOT_INITIALIZED",
    "C_DigestFinal": _OUTPUT,
    "C_SignInit": f"{_KEYED} ARGUMENTS_BAD",
    "C_Sign": f"{_OUTPUT} DATA_INVALID DATA_LEN_RANGE FUNCTION_REJECTED USER_NOT_LOGGED_IN",
    "C_SignUpdate": f"{_STEP} DATA_LEN_RANGE USER_NOT_LOGGED_IN",
    "C_SignFinal": f"{_OUTPUT} DATA_LEN_RANGE FUNCTION_REJECTED USER_NOT_LOGGED_IN",
    "C_SignRecoverInit": f"{_KEYED} ARGUMENTS_BAD",
    "C_SignRecover": f"{_OUTPUT} DATA_INVALID DATA_LEN_RANGE USER_NOT_LOGGED_IN",
    "C_VerifyInit": f"{_KEYED} ARGUMENTS_BAD",
    "C_Verify": f"{_VERDICT} DATA_INVALID",
    "C_VerifyUpdate": f"{_STEP} DATA_LEN_RANGE",
    "C_VerifyFinal": _VERDICT,
    "C_VerifyRecoverInit": f"{_KEYED} ARGUMENTS_BAD",
    "C_VerifyRecover": f"{_VERDICT} BUFFER_TOO_SMALL DATA_INVALID",
    "C_DigestEncryptUpdate": f"{_OUTPUT} DATA_LEN_RANGE",
    "C_DecryptDigestUpdate": f"{_OUTPUT} ENCRYPTED_DATA_INVALID ENCRYPTED_DATA_LEN_RANGE",
    "C_SignEncryptUpdate": f"{_OUTPUT} DATA_LEN_RANGE USER_NOT_LOGGED_IN",
    "C_DecryptVerifyUpdate": f"{_OUTPUT} DATA_LEN_RANGE ENCRYPTED_DATA_INVALID"
    " ENCRYPTED_DATA_LEN_RANGE",
    "C_GenerateKey": _NEW_KEY,
    "C_GenerateKeyPair": f"{_NEW_KEY} DOMAIN_PARAMS_INVALID",
    "C_WrapKey": f"{_START} ARGUMENTS_BAD BUFFER_TOO_SMALL KEY_HANDLE_INVALID KEY_NOT_WRAPPABLE"
    " KEY_SIZE_RANGE KEY_UNEXTRACTABLE WRAPPING_KEY_HANDLE_INVALID WRAPPING_KEY_SIZE_RANGE"
    " WRAPPING_KEY_TYPE_INCONSISTENT",
    "C_UnwrapKey": f"{_NEW_KEY} BUFFER_TOO_SMALL DOMAIN_PARAMS_INVALID"
    " UNWRAPPING_KEY_HANDLE_INVALID UNWRAPPING_KEY_SIZE_RANGE UNWRAPPING_KEY_TYPE_INCONSISTENT"
    " WRAPPED_KEY_INVALID WRAPPED_KEY_LEN_RANGE",
    "C_DeriveKey": f"{_NEW_KEY} DOMAIN_PARAMS_INVALID KEY_HANDLE_INVALID KEY_SIZE_RANGE"
    " KEY_TYPE_INCONSISTENT",
    "C_SeedRandom": f"{_RANDOM} RANDOM_SEED_NOT_SUPPORTED",
    "C_GenerateRandom": _RANDOM,
    "C_GetFunctionStatus": _PARALLEL,
    "C_CancelFunction": _PARALLEL,
    "C_WaitForSlotEvent": f"{_INITIALIZED} ARGUMENTS_BAD NO_EVENT",
    "C_GetInterfaceList": f"{_ANYTIME} ARGUMENTS_BAD BUFFER_TOO_SMALL",
    "C_GetInterface": f"{_ANYTIME} ARGUMENTS_BAD",
    "C_LoginUser": _LOGIN,
    "C_SessionCancel": f"{_SESSION} ARGUMENTS_BAD OPERATION_CANCEL_FAILED",
    "C_MessageEncryptInit": _KEYED,
    "C_EncryptMessage": f"{_OUTPUT} DATA_INVALID DATA_LEN_RANGE",
    "C_EncryptMessageBegin": _STEP,
    "C_EncryptMessageNext": f"{_OUTPUT} DATA_LEN_RANGE",
    "C_MessageEncryptFinal": _STEP,
    "C_MessageDecryptInit": f"{_KEYED} ARGUMENTS_BAD",
    "C_DecryptMessage": _DECRYPTION,
    "C_DecryptMessageBegin": _STEP,
    "C_DecryptMessageNext": _DECRYPTION,
    "C_MessageDecryptFinal": _STEP,
    "C_MessageSignInit": f"{_KEYED} ARGUMENTS_BAD",
    "C_SignMessage": f"{_OUTPUT} DATA_INVALID DATA_LEN_RANGE FUNCTION_REJECTED USER_NOT_LOGGED_IN",
    "C_SignMessageBegin": _STEP,
    "C_SignMessageNext": f"{_OUTPUT} DATA_LEN_RANGE FUNCTION_REJECTED USER_NOT_LOGGED_IN",
    "C_MessageSignFinal": _STEP,
    "C_MessageVerifyInit": f"{_KEYED} ARGUMENTS_BAD",
    "C_VerifyMessage": f"{_VERDICT} DATA_INVALID",
    "C_VerifyMessageBegin": _STEP,
    "C_VerifyMessageNext": _VERDICT,
    "C_MessageVerifyFinal": _STEP,
}

LISTED: Mapping[str, frozenset[CKR]] = {
    name: frozenset(CKR[value] for value in values.split()) for name, values in _LISTED.items()
}
