"""PKCS#11 v2.40 and v3.0 §5: each return value that the standard lists for a function, provoked.

A function has one entry in CALLS: arguments with which it succeeds, after what has to come before
it. Wrong arguments are derived from these, so a function that is new in functions.toml needs an
entry and gets the rest. MORE holds what arguments alone do not provoke. NEVER and NOT_BY say of
every other listed value why it is not returned, and a test holds that nothing is left over.
"""

import struct
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from sealwright import _native
from sealwright.client.objects import PolicyStep, PolicyTerms
from sealwright.cryptoki import (
    CKA,
    CKF_DONT_BLOCK,
    CKM,
    CKO,
    CKR,
    CKU,
    InitializeFlag,
    InterfaceFlag,
    MechanismFlag,
    SessionFlag,
)
from sealwright.pkcs11 import Module, Session, Slot, Value, return_value, template
from tests.conftest import Environment
from tests.gateway import Answer, Request, gateway_to, json_message
from tests.module.known_keys import values_of
from tests.module.providers import PIN, SOFTHSM, initialised, private_key, public_key
from tests.module.standard import FUNCTIONS, LISTED, SUPPORTED, Function, Parameter
from tests.server import ControlPlane

Argument: TypeAlias = (
    int
    | bytes
    | bytearray
    | _native.Buffer
    | _native.Mechanism
    | _native.Template
    | _native.InitializeArguments
    | None
)

UNKNOWN = 0x7FFFFFF0
MOST = 2**64 - 1
ABSURD = 2**63
"""More octets than there can be in memory."""

RSA, EC = "rsa-2048", "p256"
RSA_LENGTH = 256  # octets of a signature
HASHING = CKM.SHA256_RSA_PKCS
DATA = b"data"
VERIFYING_KEY = values_of(rsa.generate_private_key(65537, 2048).public_key())
LOGINS = ("C_Login", "C_LoginUser")


@dataclass
class Situation:
    """An initialised module, and a session on one of its tokens that sees the key pair."""

    module: Module
    pin: str
    login_needed: bool
    token: str = RSA
    slot_number: int | None = None
    """Where no list of slots can be asked for one."""
    _session: Session | None = None

    @property
    def native(self) -> _native.Module:
        return self.module.native

    @property
    def slot(self) -> Slot:
        if self.slot_number is not None:
            return Slot(self.module, self.slot_number)
        return self.module.slot(self.token)

    @property
    def session(self) -> Session:
        if self._session is None:
            self._session = self.slot.open()
            if self.login_needed:
                self._session.login(self.pin)
        return self._session

    @property
    def handle(self) -> int:
        return self.session.handle

    @property
    def private(self) -> int:
        return private_key(self.session).handle

    @property
    def public(self) -> int:
        return public_key(self.session).handle

    def finding(self) -> int:
        """The session, with a search under way; the others alike."""
        assert self.native.find_objects_init(self.handle) == CKR.OK
        return self.handle

    def digesting(self, *parts: bytes) -> int:
        assert self.native.digest_init(self.handle, _native.Mechanism(CKM.SHA256)) == CKR.OK
        for part in parts:
            assert self.native.digest_update(self.handle, part) == CKR.OK
        return self.handle

    def signing(self, *parts: bytes, mechanism: int = HASHING) -> int:
        key = self.private
        assert self.native.sign_init(self.handle, _native.Mechanism(mechanism), key) == CKR.OK
        for part in parts:
            assert self.native.sign_update(self.handle, part) == CKR.OK
        return self.handle

    def verifying(self, *parts: bytes, mechanism: int = HASHING) -> int:
        key = self.public
        assert self.native.verify_init(self.handle, _native.Mechanism(mechanism), key) == CKR.OK
        for part in parts:
            assert self.native.verify_update(self.handle, part) == CKR.OK
        return self.handle

    def made(self) -> int:
        """A public key that goes with the session."""
        rv, handle = self.native.create_object(self.handle, template(VERIFYING_KEY))
        assert rv == CKR.OK
        return handle

    def signature(self) -> bytes:
        """Of DATA."""
        return self.session.sign(HASHING, private_key(self.session), DATA)


Call: TypeAlias = Callable[[Situation], list[Argument]]


def number(value: int) -> bytearray:
    """A CK_ULONG to read and to write."""
    return bytearray(struct.pack("@L", value))


def information() -> _native.Buffer:
    """Room for any CK_…_INFO."""
    return _native.Buffer(512)


def rooms(attribute: int, capacity: int = 512) -> _native.Template:
    asked = _native.Template()
    asked.add_room(attribute, capacity)
    return asked


def output(length: int) -> list[Argument]:
    return [_native.Buffer(length), number(length)]


def ended(situation: Situation) -> list[Argument]:
    situation.module.finalize()
    return [None]


def login(situation: Situation) -> list[Argument]:
    pin = situation.pin.encode()
    return [situation.slot.open().handle, int(CKU.USER), pin, len(pin)]


def logout(situation: Situation) -> list[Argument]:
    session = situation.slot.open()
    session.login(situation.pin)
    return [session.handle]


def creating(values: Mapping[int, Value | None], *, read_write: bool = False) -> Call:
    def arguments(situation: Situation) -> list[Argument]:
        session = situation.slot.open(read_write=True) if read_write else situation.session
        return [session.handle, template(values), len(values), number(0)]

    return arguments


def interface(
    name: bytes = b"PKCS 11", version: tuple[int, int] = (3, 0), flags: int = 0
) -> list[Argument]:
    return [name + bytes(1), bytes(version), number(0), flags]


def verify(situation: Situation) -> list[Argument]:
    signature = situation.signature()
    return [situation.verifying(), DATA, len(DATA), signature, len(signature)]


def verify_final(situation: Situation) -> list[Argument]:
    signature = situation.signature()
    return [situation.verifying(DATA), signature, len(signature)]


CALLS: Mapping[str, Call] = {
    "C_Initialize": ended,
    "C_Finalize": lambda _: [None],
    "C_GetInfo": lambda _: [information()],
    "C_GetFunctionList": lambda _: [number(0)],
    "C_GetSlotList": lambda _: [1, _native.Buffer(8 * 64), number(64)],
    "C_GetSlotInfo": lambda s: [s.slot.number, information()],
    "C_GetTokenInfo": lambda s: [s.slot.number, information()],
    "C_GetMechanismList": lambda s: [s.slot.number, _native.Buffer(8 * 256), number(256)],
    "C_GetMechanismInfo": lambda s: [s.slot.number, int(HASHING), information()],
    "C_OpenSession": lambda s: [
        *(s.slot.number, int(SessionFlag.SERIAL_SESSION)),
        *(None, None, number(0)),
    ],
    "C_CloseSession": lambda s: [s.handle],
    "C_CloseAllSessions": lambda s: [s.slot.number],
    "C_GetSessionInfo": lambda s: [s.handle, information()],
    "C_Login": login,
    "C_Logout": logout,
    "C_CreateObject": creating(VERIFYING_KEY),
    "C_DestroyObject": lambda s: [s.handle, s.made()],
    "C_GetObjectSize": lambda s: [s.handle, s.public, number(0)],
    "C_GetAttributeValue": lambda s: [s.handle, s.public, rooms(CKA.LABEL), 1],
    "C_FindObjectsInit": lambda s: [s.handle, template({CKA.TOKEN: True}), 1],
    "C_FindObjects": lambda s: [s.finding(), _native.Buffer(8), 1, number(0)],
    "C_FindObjectsFinal": lambda s: [s.finding()],
    "C_DigestInit": lambda s: [s.handle, _native.Mechanism(CKM.SHA256)],
    "C_Digest": lambda s: [s.digesting(), DATA, len(DATA), *output(32)],
    "C_DigestUpdate": lambda s: [s.digesting(), DATA, len(DATA)],
    "C_DigestFinal": lambda s: [s.digesting(DATA), *output(32)],
    "C_SignInit": lambda s: [s.handle, _native.Mechanism(HASHING), s.private],
    "C_Sign": lambda s: [s.signing(), DATA, len(DATA), *output(RSA_LENGTH)],
    "C_SignUpdate": lambda s: [s.signing(), DATA, len(DATA)],
    "C_SignFinal": lambda s: [s.signing(DATA), *output(RSA_LENGTH)],
    "C_VerifyInit": lambda s: [s.handle, _native.Mechanism(HASHING), s.public],
    "C_Verify": verify,
    "C_VerifyUpdate": lambda s: [s.verifying(), DATA, len(DATA)],
    "C_VerifyFinal": verify_final,
    "C_SeedRandom": lambda s: [s.handle, DATA, len(DATA)],
    "C_GenerateRandom": lambda s: [s.handle, _native.Buffer(8), 8],
    "C_GetFunctionStatus": lambda s: [s.handle],
    "C_CancelFunction": lambda s: [s.handle],
    "C_WaitForSlotEvent": lambda _: [CKF_DONT_BLOCK, number(0), None],
    "C_GetInterfaceList": lambda _: [_native.Buffer(512), number(3)],
    "C_GetInterface": lambda _: interface(),
    "C_LoginUser": lambda s: [*login(s), None, 0],
    "C_SessionCancel": lambda s: [s.signing(), int(MechanismFlag.SIGN)],
}

SUCCESS = {
    "C_GetFunctionStatus": CKR.FUNCTION_NOT_PARALLEL,
    "C_CancelFunction": CKR.FUNCTION_NOT_PARALLEL,
    "C_WaitForSlotEvent": CKR.NO_EVENT,
}
"""Of CALLS, where it is not CKR_OK."""

MAY_BE_NULL = {
    ("C_Initialize", "pInitArgs"),
    ("C_Finalize", "pReserved"),
    ("C_OpenSession", "pApplication"),
    ("C_OpenSession", "Notify"),
    ("C_WaitForSlotEvent", "pReserved"),
    ("C_GetInterface", "pInterfaceName"),
    ("C_GetInterface", "pVersion"),
    ("C_LoginUser", "pUsername"),
    # These ask for a length:
    ("C_GetSlotList", "pSlotList"),
    ("C_GetMechanismList", "pMechanismList"),
    ("C_Digest", "pDigest"),
    ("C_DigestFinal", "pDigest"),
    ("C_Sign", "pSignature"),
    ("C_SignFinal", "pSignature"),
    ("C_GetInterfaceList", "pInterfacesList"),
}


@dataclass(frozen=True)
class Case:
    what: str
    expected: CKR
    arguments: Call
    softhsm: bool = True
    """Whether SoftHSM2 is asked too."""


def with_argument(call: Call, place: int, value: Callable[[Situation], Argument]) -> Call:
    def arguments(situation: Situation) -> list[Argument]:
        given = call(situation)
        given[place] = value(situation)
        return given

    return arguments


def closed_session(situation: Situation) -> int:
    session = situation.slot.open()
    session.close()
    return session.handle


def foreign_object(situation: Situation) -> int:
    return public_key(situation.module.slot(EC).open()).handle


def fixed(value: Argument) -> Callable[[Situation], Argument]:
    return lambda _: value


def wrong_values(
    function: Function, parameter: Parameter
) -> Iterator[tuple[str, CKR, Callable[[Situation], Argument]]]:
    """What it is, what answers it, and what makes it."""
    name, kind = parameter.name, parameter.type
    if parameter.is_pointer:
        optional = (function.name, name) in MAY_BE_NULL
        success = SUCCESS.get(function.name, CKR.OK)
        yield "null", success if optional else CKR.ARGUMENTS_BAD, fixed(None)
    if kind == "CK_SESSION_HANDLE":
        refused = SUCCESS.get(function.name, CKR.SESSION_HANDLE_INVALID)
        yield "none", refused, fixed(0)
        yield "unknown", refused, fixed(UNKNOWN)
        yield "largest", refused, fixed(MOST)
        yield "closed", refused, closed_session
    if kind == "CK_SLOT_ID":
        yield "unknown", CKR.SLOT_ID_INVALID, fixed(UNKNOWN)
        yield "largest", CKR.SLOT_ID_INVALID, fixed(MOST)
    if kind == "CK_OBJECT_HANDLE":
        refused = CKR.KEY_HANDLE_INVALID if name == "hKey" else CKR.OBJECT_HANDLE_INVALID
        yield "none", refused, fixed(0)
        yield "unknown", refused, fixed(UNKNOWN)
        yield "largest", refused, fixed(MOST)
        yield "foreign", refused, foreign_object
    if kind == "CK_MECHANISM_TYPE":
        yield "unknown", CKR.MECHANISM_INVALID, fixed(UNKNOWN)
    if kind == "CK_MECHANISM_PTR":
        yield "unknown", CKR.MECHANISM_INVALID, lambda _: _native.Mechanism(UNKNOWN)
    if kind == "CK_ULONG_PTR" and CKR.BUFFER_TOO_SMALL in LISTED[function.name]:
        yield "too small", CKR.BUFFER_TOO_SMALL, lambda _: number(1)
    if kind == "CK_ULONG" and name != "ulMaxObjectCount":
        yield "absurd", CKR.ARGUMENTS_BAD, fixed(ABSURD)


def before_initialise(call: Call) -> Call:
    def arguments(situation: Situation) -> list[Argument]:
        given = call(situation)
        situation.module.finalize()
        return given

    return arguments


def in_another_session(call: Call) -> Call:
    """Where nothing was started."""
    return with_argument(call, 0, lambda situation: situation.slot.open().handle)


def twice(function: str, call: Call) -> Call:
    def arguments(situation: Situation) -> list[Argument]:
        given = call(situation)
        assert situation.native.call(function, *given) == CKR.OK
        return given

    return arguments


def derived(function: Function) -> Iterator[Case]:
    """What the kinds of its parameters and its listed return values ask for."""
    call = CALLS[function.name]
    yield Case("nothing wrong", SUCCESS.get(function.name, CKR.OK), call)
    for place, parameter in enumerate(function.parameters):
        for what, expected, value in wrong_values(function, parameter):
            wrong = with_argument(call, place, value)
            yield Case(f"{parameter.name} is {what}", expected, wrong, what != "absurd")
    if CKR.CRYPTOKI_NOT_INITIALIZED in LISTED[function.name]:
        yield Case("before C_Initialize", CKR.CRYPTOKI_NOT_INITIALIZED, before_initialise(call))
    if CKR.OPERATION_NOT_INITIALIZED in LISTED[function.name] and function.name not in LOGINS:
        nothing_started = in_another_session(call)
        yield Case("nothing started", CKR.OPERATION_NOT_INITIALIZED, nothing_started)
    if CKR.OPERATION_ACTIVE in LISTED[function.name] and function.name.endswith("Init"):
        yield Case("a second time", CKR.OPERATION_ACTIVE, twice(function.name, call))


def logging_in(pin: bytes, user: int = CKU.USER, name: bytes | None = None) -> Call:
    """With a name, as C_LoginUser."""
    by_name: list[Argument] = [] if name is None else [name, len(name)]
    return lambda s: [s.slot.open().handle, int(user), pin, len(pin), *by_name]


def reading(attribute: int, capacity: int = 512) -> Call:
    return lambda s: [s.handle, s.private, rooms(attribute, capacity), 1]


def starting(mechanism: _native.Mechanism, key: CKO) -> Call:
    return lambda s: [s.handle, mechanism, s.session.find({CKA.CLASS: key})[0].handle]


def raw_sign(data: bytes) -> Call:
    return lambda s: [
        *(s.signing(mechanism=CKM.RSA_PKCS), data, len(data)),
        *output(RSA_LENGTH),
    ]


def raw_verify(data: bytes) -> Call:
    signature = bytes(RSA_LENGTH)
    return lambda s: [
        *(s.verifying(mechanism=CKM.RSA_PKCS), data, len(data)),
        *(signature, len(signature)),
    ]


def on_p256(call: Call) -> Call:
    def arguments(situation: Situation) -> list[Argument]:
        situation.token = EC
        return call(situation)

    return arguments


def verifying(signature: bytes) -> Call:
    return lambda s: [s.verifying(), DATA, len(DATA), signature, len(signature)]


def ending_verification(signature: bytes) -> Call:
    return lambda s: [s.verifying(DATA), signature, len(signature)]


def login_refusals(name: bytes | None = None) -> list[Case]:
    return [
        Case("a wrong PIN", CKR.PIN_INCORRECT, logging_in(b"4321", name=name)),
        Case("a PIN of 255 octets", CKR.PIN_INCORRECT, logging_in(b"1" * 255, name=name)),
        Case("a PIN of 256 octets", CKR.PIN_INCORRECT, logging_in(b"1" * 256, name=name), OURS),
        Case("an unknown user", CKR.USER_TYPE_INVALID, logging_in(b"", 99, name)),
        Case("a security officer", CKR.USER_TYPE_INVALID, logging_in(b"", CKU.SO, name), OURS),
        Case(
            "nothing to authenticate",
            CKR.OPERATION_NOT_INITIALIZED,
            logging_in(PIN.encode(), CKU.CONTEXT_SPECIFIC, name),
        ),
    ]


FOR_GOOD: dict[int, Value | None] = {CKA.TOKEN: True}
EC_KEY = values_of(ec.generate_private_key(ec.SECP256R1()).public_key())
ON_NO_CURVE = EC_KEY | {CKA.EC_PARAMS: bytes.fromhex("3000")}
ON_ANOTHER_CURVE = EC_KEY | {CKA.EC_PARAMS: bytes.fromhex("06052b8104000a")}  # secp256k1


def with_value(attribute: int, value: Value) -> dict[int, Value | None]:
    return VERIFYING_KEY | {attribute: value}


def without(attribute: int) -> dict[int, Value | None]:
    return {each: value for each, value in VERIFYING_KEY.items() if each != attribute}


PARAMETER = _native.Mechanism(HASHING, b"parameter")
TOO_MUCH = bytes(RSA_LENGTH)  # no room for padding
OURS = False


def keyed_refusals(key: CKO, other: tuple[str, CKO]) -> list[Case]:
    """Of what starts with a key of this class; `other`: the half of the pair that cannot do it."""
    name, wrong = other
    hashing = _native.Mechanism(HASHING)
    return [
        Case(name, CKR.KEY_FUNCTION_NOT_PERMITTED, starting(hashing, wrong)),
        Case("a certificate", CKR.KEY_HANDLE_INVALID, starting(hashing, CKO.CERTIFICATE), OURS),
        Case(
            "a mechanism for EC",
            CKR.KEY_TYPE_INCONSISTENT,
            starting(_native.Mechanism(CKM.ECDSA), key),
        ),
        Case("a mechanism for RSA", CKR.KEY_TYPE_INCONSISTENT, on_p256(starting(hashing, key))),
        Case("a digest", CKR.MECHANISM_INVALID, starting(_native.Mechanism(CKM.SHA256), key)),
        Case("a parameter", CKR.MECHANISM_PARAM_INVALID, starting(PARAMETER, key), OURS),
    ]


MORE: Mapping[str, list[Case]] = {
    "C_Initialize": [
        Case("a second time", CKR.CRYPTOKI_ALREADY_INITIALIZED, lambda _: [None]),
        Case(
            "half of the mutex functions",
            CKR.ARGUMENTS_BAD,
            lambda s: [
                *ended(s)[1:],
                _native.InitializeArguments(InitializeFlag.OS_LOCKING_OK, mutex_functions=2),
            ],
        ),
    ],
    "C_Finalize": [Case("something reserved", CKR.ARGUMENTS_BAD, lambda _: [bytearray(8)])],
    "C_OpenSession": [
        Case(
            "no serial session",
            CKR.SESSION_PARALLEL_NOT_SUPPORTED,
            lambda s: [s.slot.number, int(SessionFlag.RW_SESSION), None, None, number(0)],
        ),
    ],
    "C_Login": [
        *login_refusals(),
        Case("a second time", CKR.USER_ALREADY_LOGGED_IN, twice("C_Login", login)),
    ],
    "C_Logout": [
        Case("a second time", CKR.USER_NOT_LOGGED_IN, twice("C_Logout", logout)),
    ],
    "C_CreateObject": [
        Case("for good", CKR.SESSION_READ_ONLY, creating(VERIFYING_KEY | FOR_GOOD)),
        Case(
            "for good, read-write",
            CKR.TOKEN_WRITE_PROTECTED,
            creating(VERIFYING_KEY | FOR_GOOD, read_write=True),
            OURS,
        ),
        Case(
            "an unknown attribute", CKR.ATTRIBUTE_TYPE_INVALID, creating(with_value(UNKNOWN, b""))
        ),
        Case(
            "its size", CKR.ATTRIBUTE_READ_ONLY, creating(with_value(CKA.MODULUS_BITS, 2048)), OURS
        ),
        Case(
            "no modulus", CKR.ATTRIBUTE_VALUE_INVALID, creating(with_value(CKA.MODULUS, b"")), OURS
        ),
        Case("half a key", CKR.TEMPLATE_INCOMPLETE, creating(without(CKA.PUBLIC_EXPONENT))),
        Case(
            "a private key",
            CKR.TEMPLATE_INCONSISTENT,
            creating(with_value(CKA.CLASS, CKO.PRIVATE_KEY)),
            OURS,
        ),
        Case("a curve without a name", CKR.DOMAIN_PARAMS_INVALID, creating(ON_NO_CURVE), OURS),
        Case("an unknown curve", CKR.CURVE_NOT_SUPPORTED, creating(ON_ANOTHER_CURVE), OURS),
        Case("16 KiB", CKR.DEVICE_MEMORY, creating(with_value(CKA.LABEL, bytes(16_384))), OURS),
    ],
    "C_DestroyObject": [
        Case("the token's", CKR.ACTION_PROHIBITED, lambda s: [s.handle, s.public], OURS),
    ],
    "C_GetAttributeValue": [
        Case("no attribute of the class", CKR.ATTRIBUTE_TYPE_INVALID, reading(CKA.VALUE_LEN)),
        Case("a secret", CKR.ATTRIBUTE_SENSITIVE, reading(CKA.PRIVATE_EXPONENT)),
        Case("too little room", CKR.BUFFER_TOO_SMALL, reading(CKA.LABEL, 1)),
    ],
    "C_DigestInit": [
        Case("no digest", CKR.MECHANISM_INVALID, lambda s: [s.handle, _native.Mechanism(HASHING)]),
        Case(
            "a parameter",
            CKR.MECHANISM_PARAM_INVALID,
            lambda s: [s.handle, _native.Mechanism(CKM.SHA256, b"parameter")],
            OURS,
        ),
        Case("null, to cancel", CKR.OK, lambda s: [s.digesting(), None], OURS),
    ],
    "C_Digest": [
        Case(
            "after a part",
            CKR.OPERATION_NOT_INITIALIZED,
            lambda s: [s.digesting(DATA), DATA, len(DATA), *output(32)],
        ),
    ],
    "C_SignInit": [
        *keyed_refusals(CKO.PRIVATE_KEY, other=("a public key", CKO.PUBLIC_KEY)),
        Case("null, to cancel", CKR.OK, lambda s: [s.signing(), None, 0], OURS),
    ],
    "C_Sign": [
        Case("too much data", CKR.DATA_LEN_RANGE, raw_sign(TOO_MUCH), OURS),
        Case(
            "after a part",
            CKR.OPERATION_NOT_INITIALIZED,
            lambda s: [s.signing(DATA), DATA, len(DATA), *output(RSA_LENGTH)],
        ),
    ],
    "C_SignUpdate": [
        Case(
            "too much data",
            CKR.DATA_LEN_RANGE,
            lambda s: [s.signing(mechanism=CKM.RSA_PKCS), TOO_MUCH, len(TOO_MUCH)],
            OURS,
        ),
    ],
    "C_SignFinal": [
        Case(
            "no data",
            CKR.DATA_LEN_RANGE,
            on_p256(lambda s: [s.signing(mechanism=CKM.ECDSA), *output(64)]),
            OURS,
        ),
    ],
    "C_VerifyInit": [
        *keyed_refusals(CKO.PUBLIC_KEY, other=("a private key", CKO.PRIVATE_KEY)),
        Case("null, to cancel", CKR.OK, lambda s: [s.verifying(), None, 0], OURS),
    ],
    "C_Verify": [
        Case("another signature", CKR.SIGNATURE_INVALID, verifying(bytes(RSA_LENGTH))),
        Case("a short signature", CKR.SIGNATURE_LEN_RANGE, verifying(bytes(RSA_LENGTH - 1))),
        Case("a long signature", CKR.SIGNATURE_LEN_RANGE, verifying(bytes(RSA_LENGTH + 1))),
        Case("too much data", CKR.DATA_LEN_RANGE, raw_verify(TOO_MUCH), OURS),
        Case(
            "after a part",
            CKR.OPERATION_NOT_INITIALIZED,
            lambda s: [s.verifying(DATA), DATA, len(DATA), bytes(RSA_LENGTH), RSA_LENGTH],
        ),
    ],
    "C_VerifyUpdate": [
        Case(
            "too much data",
            CKR.DATA_LEN_RANGE,
            lambda s: [s.verifying(mechanism=CKM.RSA_PKCS), TOO_MUCH, len(TOO_MUCH)],
            OURS,
        ),
    ],
    "C_VerifyFinal": [
        Case("another signature", CKR.SIGNATURE_INVALID, ending_verification(bytes(RSA_LENGTH))),
        Case(
            "a short signature",
            CKR.SIGNATURE_LEN_RANGE,
            ending_verification(bytes(RSA_LENGTH - 1)),
        ),
        Case(
            "no data",
            CKR.DATA_LEN_RANGE,
            on_p256(lambda s: [s.verifying(mechanism=CKM.ECDSA), bytes(64), 64]),
            OURS,
        ),
    ],
    "C_WaitForSlotEvent": [
        Case("something reserved", CKR.ARGUMENTS_BAD, lambda _: [1, number(0), bytearray(8)], OURS),
    ],
    "C_GetInterface": [
        Case("the older version", CKR.OK, lambda _: interface(version=(2, 40))),
        Case("a newer version", CKR.ARGUMENTS_BAD, lambda _: interface(version=(3, 1))),
        Case("another name", CKR.ARGUMENTS_BAD, lambda _: interface(b"PKCS 12")),
        Case("half the name", CKR.ARGUMENTS_BAD, lambda _: interface(b"PKCS")),
        Case(
            "what outlives a fork",
            CKR.ARGUMENTS_BAD,
            lambda _: interface(flags=InterfaceFlag.FORK_SAFE),
        ),
    ],
    "C_LoginUser": [
        *login_refusals(b""),
        Case("a user's name", CKR.ARGUMENTS_BAD, lambda s: [*login(s), b"builder", 7]),
        Case(
            "a second time",
            CKR.USER_ALREADY_LOGGED_IN,
            twice("C_LoginUser", lambda s: [*login(s), None, 0]),
        ),
    ],
}


SOFTHSM_STRAYS = {
    *(
        (function, f"hSession is {what}")  # it looks, though the answer is the same for all
        for function in ("C_GetFunctionStatus", "C_CancelFunction")
        for what in ("none", "unknown", "largest", "closed")
    ),
    *(
        (function, f"hKey is {what}")  # a key's handle is to it an object's
        for function in ("C_SignInit", "C_VerifyInit")
        for what in ("none", "unknown", "largest", "foreign")
    ),
    *(
        (function, f"a mechanism for {kind}")  # it notices later
        for function in ("C_SignInit", "C_VerifyInit")
        for kind in ("RSA", "EC")
    ),
    *(
        (function, "hObject is foreign")
        for function in ("C_DestroyObject", "C_GetObjectSize", "C_GetAttributeValue")
    ),
    ("C_Digest", "after a part"),
    ("C_Logout", "a second time"),
    ("C_WaitForSlotEvent", "pSlot is null"),
}
"""Where SoftHSM2 does not do what the standard says, or does not check."""


def cases(function: str) -> list[Case]:
    return [*derived(SUPPORTED[function]), *MORE.get(function, [])]


@pytest.mark.parametrize("function", SUPPORTED)
def test_each_wrong_use_gets_the_return_value_that_the_standard_lists(
    provider_file: Path, builder_key: str, function: str
) -> None:
    is_softhsm = provider_file == SOFTHSM
    if is_softhsm and SUPPORTED[function].since != "2.40":
        pytest.skip("SoftHSM2 is of 2.40")
    answers: dict[str, int] = {}
    expected: dict[str, int] = {}
    for case in cases(function):
        if is_softhsm and (not case.softhsm or (function, case.what) in SOFTHSM_STRAYS):
            continue
        with initialised(provider_file) as module:
            situation = Situation(module, PIN if is_softhsm else builder_key, is_softhsm)
            rv = module.native.call(function, *case.arguments(situation))
        answers[case.what], expected[case.what] = return_value(rv), case.expected
    assert answers == expected


@pytest.mark.parametrize(
    "function",
    [each for each in FUNCTIONS.values() if each.kind == "unsupported"],
    ids=lambda f: f.name,
)
def test_what_is_not_supported_looks_at_no_argument(module: Module, function: Function) -> None:
    def argument(parameter: Parameter, session: int) -> Argument:
        if parameter.type == "CK_SESSION_HANDLE":
            return session
        return _native.Buffer(512) if parameter.is_pointer else 1

    module.initialize()
    session = module.slot(RSA).open().handle
    given = [argument(parameter, session) for parameter in function.parameters]
    answers = [
        module.native.call(function.name, *given),
        module.native.call_with_nulls(function.name, session),
        module.native.call_with_nulls(function.name, UNKNOWN),
    ]
    assert answers == [CKR.FUNCTION_NOT_SUPPORTED] * 3
    module.finalize()
    assert module.native.call(function.name, *given) == CKR.CRYPTOKI_NOT_INITIALIZED


OF_SLOTS = [
    "C_GetSlotList",
    *(name for name, each in SUPPORTED.items() if each.parameters[0].type == "CK_SLOT_ID"),
]


@pytest.mark.parametrize("function", OF_SLOTS)
def test_without_any_list_of_signers_the_functions_of_slots_fail(
    environment: Environment, module_file: Path, function: str
) -> None:
    environment.set(url="http://127.0.0.1:9", api_key="swk_" + "A" * 43, list_timeout="0.1")
    with initialised(module_file) as module:
        arguments = CALLS[function](Situation(module, "", False, slot_number=1))
        assert module.native.call(function, *arguments) == CKR.FUNCTION_FAILED


NEEDING_A_TOKEN = [*("C_GetTokenInfo", "C_GetMechanismList", "C_GetMechanismInfo", "C_OpenSession")]


@dataclass(frozen=True)
class Disabled:
    """A signer that is disabled, and the key of a machine that is an operator of it."""

    name: str
    number: int
    api_key: str


@pytest.fixture
def disabled(control_plane: ControlPlane, environment: Environment) -> Disabled:
    """The module is configured for that machine."""
    name = f"disabled-{control_plane.client().operations_head().value.sequence}"
    api_key = control_plane.create_machine(name)
    number = control_plane.create_signer(name, "p256", **{name: "operator"}).number
    control_plane.client().disable_signer(name)
    environment.set(url=control_plane.url, api_key=api_key)
    return Disabled(name, number, api_key)


@pytest.mark.parametrize("function", NEEDING_A_TOKEN)
def test_without_a_token_its_functions_say_so(
    disabled: Disabled, module_file: Path, function: str
) -> None:
    with initialised(module_file) as module:
        arguments = CALLS[function](Situation(module, "", False, slot_number=disabled.number))
        assert module.native.call(function, *arguments) == CKR.TOKEN_NOT_PRESENT


def test_sessions_of_a_slot_that_lost_its_token_can_be_closed(
    disabled: Disabled, module_file: Path
) -> None:
    with initialised(module_file) as module:
        assert module.native.close_all_sessions(disabled.number) == CKR.OK


SAID = {
    400: CKR.FUNCTION_FAILED,
    401: CKR.USER_NOT_LOGGED_IN,
    403: CKR.FUNCTION_REJECTED,
    404: CKR.DEVICE_REMOVED,
    500: CKR.DEVICE_ERROR,
}
"""What an answer of the control plane to a call to sign becomes."""

SIGNING = ("C_Sign", "C_SignFinal")


def instead_of(path: str, status: int) -> Answer:
    def answer(request: Request, answer: bytes) -> bytes:
        return json_message(status, b"{}") if request.path.endswith(path) else answer

    return answer


@pytest.mark.parametrize("status", SAID)
@pytest.mark.parametrize("function", SIGNING)
def test_what_the_control_plane_refuses_is_told(
    environment: Environment,
    control_plane: ControlPlane,
    builder_key: str,
    module_file: Path,
    function: str,
    status: int,
) -> None:
    with gateway_to(control_plane, instead_of("/sign", status)) as gateway:
        environment.set(url=gateway.url, api_key=builder_key)
        with initialised(module_file) as module:
            arguments = CALLS[function](Situation(module, "", False))
            assert module.native.call(function, *arguments) == SAID[status]
            again = module.native.call(function, *arguments)
            assert again == CKR.OPERATION_NOT_INITIALIZED


@pytest.mark.parametrize("function", SIGNING)
def test_an_approval_that_does_not_come_cancels_the_call(
    environment: Environment, control_plane: ControlPlane, module_file: Path, function: str
) -> None:
    admin = control_plane.client()
    name = f"approved-{admin.operations_head().value.sequence}"
    approver = admin.create_identity(f"{name}-approver", "user").value
    steps = [PolicyStep("lead", 1, [approver.name])]
    admin.create_policy(name, PolicyTerms(max_signings=1, steps=steps))
    api_key = control_plane.create_machine(name)
    control_plane.create_signer(name, RSA, **{name: "operator"})
    admin.set_policy(name, name)
    environment.set(
        url=control_plane.url, api_key=api_key, approval_request="true", approval_wait="1s"
    )
    with initialised(module_file) as module:
        arguments = CALLS[function](Situation(module, "", False, name))
        assert module.native.call(function, *arguments) == CKR.FUNCTION_CANCELED


AT_LOGIN = {
    400: CKR.FUNCTION_FAILED,
    401: CKR.PIN_INCORRECT,
    500: CKR.DEVICE_ERROR,
}


def arguments_of_login(function: str, session: int, pin: bytes) -> list[Argument]:
    given: list[Argument] = [session, int(CKU.USER), pin, len(pin)]
    return given if function == "C_Login" else [*given, None, 0]


@pytest.mark.parametrize("status", AT_LOGIN)
@pytest.mark.parametrize("function", LOGINS)
def test_what_the_control_plane_refuses_at_a_login_is_told(
    environment: Environment,
    control_plane: ControlPlane,
    builder_key: str,
    module_file: Path,
    function: str,
    status: int,
) -> None:
    with gateway_to(control_plane) as gateway:
        environment.set(url=gateway.url, api_key=builder_key)
        with initialised(module_file) as module, module.slot(RSA).open() as session:
            gateway.answer = instead_of("/v1/catalogue", status)
            pin = b"swk_" + b"A" * 43
            given = arguments_of_login(function, session.handle, pin)
            assert module.native.call(function, *given) == AT_LOGIN[status]


@pytest.mark.parametrize("function", LOGINS)
def test_a_login_finds_that_the_token_of_a_disabled_signer_is_gone(
    disabled: Disabled, environment: Environment, module_file: Path, function: str
) -> None:
    """The configuration names it; until somebody logs in, nobody was asked."""
    environment.set(api_key="")
    environment.write_configuration(f"[signers]\n{disabled.name} = {disabled.number}\n")
    with initialised(module_file) as module, module.slot(disabled.name).open() as session:
        given = arguments_of_login(function, session.handle, disabled.api_key.encode())
        assert module.native.call(function, *given) == CKR.DEVICE_REMOVED


HIDDEN = ("C_SignInit", "C_VerifyInit")


@pytest.mark.parametrize("function", HIDDEN)
def test_a_private_key_that_is_hidden_again_asks_for_a_login(
    module: Module, environment: Environment, builder_key: str, function: str
) -> None:
    environment.set(login_required="true")
    module.initialize()
    with module.slot(RSA).open() as session:
        session.login(builder_key)
        key = private_key(session).handle
        session.logout()
        answer = module.native.call(function, session.handle, _native.Mechanism(HASHING), key)
        assert answer == CKR.USER_NOT_LOGGED_IN


def test_settings_that_cannot_be_read_are_a_general_error(
    module: Module, environment: Environment
) -> None:
    environment.set(request_timeout="soon")
    assert module.native.initialize() == CKR.GENERAL_ERROR


OTHERWISE_PROVOKED = {
    *((function, CKR.FUNCTION_FAILED) for function in OF_SLOTS),
    *((function, CKR.TOKEN_NOT_PRESENT) for function in NEEDING_A_TOKEN),
    *((function, rv) for function in SIGNING for rv in SAID.values()),
    *((function, CKR.FUNCTION_CANCELED) for function in SIGNING),
    *((function, rv) for function in LOGINS for rv in AT_LOGIN.values()),
    *((function, CKR.DEVICE_REMOVED) for function in LOGINS),
    *((function, CKR.USER_NOT_LOGGED_IN) for function in HIDDEN),
    ("C_Initialize", CKR.GENERAL_ERROR),
}
"""By the tests between here and the first one."""

NEVER: Mapping[CKR, str] = {
    CKR.HOST_MEMORY: "memory cannot be made to run out for one call",
    CKR.GENERAL_ERROR: "only what nobody expects",
    CKR.SESSION_CLOSED: "a call in a session that is closed meanwhile ends well",
    CKR.TOKEN_NOT_RECOGNIZED: "a signer is always one that is understood",
    CKR.PIN_EXPIRED: "an API key that is revoked is a wrong PIN",
    CKR.PIN_LOCKED: "wrong PINs are not counted",
    CKR.CANT_LOCK: "the system's locks are always there",
    CKR.NEED_TO_CREATE_THREADS: "the module makes no threads",
    CKR.SESSION_COUNT: "sessions are not counted",
    CKR.SESSION_READ_WRITE_SO_EXISTS: "there is no security officer",
    CKR.SESSION_READ_ONLY_EXISTS: "there is no security officer",
    CKR.USER_ANOTHER_ALREADY_LOGGED_IN: "there is one kind of user",
    CKR.USER_TOO_MANY_TYPES: "there is one kind of user",
    CKR.USER_PIN_NOT_INITIALIZED: "an identity has its keys before it has a token",
    CKR.INFORMATION_SENSITIVE: "the size of an object is not told, secret or not",
    CKR.KEY_SIZE_RANGE: "every key that can be a signer's fits every mechanism of its type",
    CKR.DATA_INVALID: "any octets of a length that fits are signed",
    CKR.RANDOM_NO_RNG: "there is one",
    CKR.RANDOM_SEED_NOT_SUPPORTED: "a seed is accepted",
    CKR.OPERATION_CANCEL_FAILED: "whatever is active can be cancelled",
}
"""By no function."""

LOCAL = {name for name in SUPPORTED if name not in {*OF_SLOTS, *SIGNING, *LOGINS, "C_Initialize"}}
WITH_A_TOKEN = {name for name in SUPPORTED if CKR.DEVICE_ERROR in LISTED[name]}

NOT_BY: Mapping[CKR, tuple[str, set[str]]] = {
    CKR.FUNCTION_FAILED: (
        "nothing can fail that asks nobody",
        {*LOCAL, "C_Initialize"},
    ),
    CKR.DEVICE_ERROR: (
        "nobody is asked; where the list of signers is, it is its function that fails",
        WITH_A_TOKEN - {*SIGNING, *LOGINS},
    ),
    CKR.DEVICE_REMOVED: ("the same", WITH_A_TOKEN - {*SIGNING, *LOGINS, "C_GetSlotInfo"}),
    CKR.FUNCTION_CANCELED: (
        "only a wait for an approval is cancelled",
        {name for name in SUPPORTED if CKR.FUNCTION_CANCELED in LISTED[name]} - {*SIGNING},
    ),
    CKR.USER_NOT_LOGGED_IN: (
        "no login is needed, or none before the signature is fetched",
        {"C_CreateObject", "C_DigestInit", "C_SignUpdate", "C_SeedRandom", "C_GenerateRandom"},
    ),
    CKR.DEVICE_MEMORY: ("nothing is stored", WITH_A_TOKEN - {"C_CreateObject", "C_GetSlotInfo"}),
    CKR.SESSION_READ_ONLY: ("what can be destroyed is a session's own", {"C_DestroyObject"}),
    CKR.TOKEN_WRITE_PROTECTED: (
        "the same; and read-write sessions must open",
        {"C_DestroyObject", "C_OpenSession"},
    ),
    CKR.ATTRIBUTE_VALUE_INVALID: ("a value that no object has finds none", {"C_FindObjectsInit"}),
    CKR.OPERATION_ACTIVE: (
        "random numbers come beside anything",
        {"C_SeedRandom", "C_GenerateRandom"},
    ),
    CKR.TOKEN_NOT_PRESENT: (
        "sessions of a slot that lost its token can be closed",
        {"C_CloseAllSessions"},
    ),
    CKR.ATTRIBUTE_TYPE_INVALID: (
        "an attribute that no object has finds none, as tools expect",
        {"C_FindObjectsInit"},
    ),
    CKR.SESSION_HANDLE_INVALID: (
        "the answer is the same for every handle",
        {"C_GetFunctionStatus", "C_CancelFunction"},
    ),
    CKR.ARGUMENTS_BAD: ("flags of nothing that is active mean nothing", {"C_SessionCancel"}),
    CKR.OK: ("there is never an event", {"C_WaitForSlotEvent"}),
}
"""By these functions not, though by others."""


@pytest.mark.parametrize("function", SUPPORTED)
def test_every_listed_return_value_is_provoked_or_explained(function: str) -> None:
    provoked = {case.expected for case in cases(function)}
    provoked |= {rv for name, rv in OTHERWISE_PROVOKED if name == function}
    assert provoked <= LISTED[function]
    explained = {rv for rv, (_, functions) in NOT_BY.items() if function in functions}
    assert LISTED[function] - provoked - NEVER.keys() == explained


def test_every_function_of_the_standard_has_its_list() -> None:
    assert list(LISTED) == list(FUNCTIONS) == _native.function_names()
    assert set(CALLS) == set(SUPPORTED)
