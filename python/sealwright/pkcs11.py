"""Any PKCS#11 module, with Python's manners: values come back, refusals are raised.

What a test must be able to do wrong (null pointers, small buffers, made-up handles) it does with
`sealwright._native`, which this wraps; `Module.native`, `Session.handle` and `Object.handle` lead
there. Octets are `bytes`, lengths are in octets unless a name says bits.
"""

import struct
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self, TypeAlias

from sealwright import _native
from sealwright.cryptoki import (
    CKA,
    CKR,
    CKU,
    UNAVAILABLE_INFORMATION,
    InitializeFlag,
    MechanismFlag,
    SessionFlag,
    SlotFlag,
    TokenFlag,
)

Value: TypeAlias = bytes | str | bool | int
"""An attribute's value: octets, UTF-8 text, CK_BBOOL or CK_ULONG."""

FIND_BATCH = 64


class Pkcs11Error(Exception):
    """A module answered something other than CKR_OK.

    `rv` is the CK_RV as a number: CKR where v2.40 names it, plain int otherwise.
    """

    def __init__(self, function: str, rv: int) -> None:
        self.function = function
        self.rv = return_value(rv)
        super().__init__(f"{function}: {name_of(self.rv)}")


def return_value(rv: int) -> int:
    """CKR where v2.40 names it, else the number as it is."""
    try:
        return CKR(rv)
    except ValueError:
        return rv


def name_of(rv: int) -> str:
    """`CKR_PIN_INCORRECT`, or the number in hex where v2.40 has no name for it."""
    try:
        return f"CKR_{CKR(rv).name}"
    except ValueError:
        return f"{rv:#x}"


def check(function: str, rv: int) -> None:
    if rv != CKR.OK:
        raise Pkcs11Error(function, rv)


def encoded(value: Value) -> bytes:
    """The octets of an attribute's value in native byte order."""
    match value:
        case bool():
            return b"\x01" if value else b"\x00"
        case int():
            return struct.pack("@L", value)
        case str():
            return value.encode()
        case bytes():
            return value


def template(values: Mapping[int, Value | None]) -> _native.Template:
    """The attributes to match or to set; None is a null pointer of length 0."""
    attributes = _native.Template()
    for attribute, value in values.items():
        attributes.add(attribute, None if value is None else encoded(value))
    return attributes


def pss(mechanism: int, hash_mechanism: int, mgf: int, salt_length: int) -> _native.Mechanism:
    """A PSS mechanism with CK_RSA_PKCS_PSS_PARAMS: CKM of the hash, CKG, octets of salt."""
    return _native.Mechanism(mechanism, struct.pack("@LLL", hash_mechanism, mgf, salt_length))


def as_mechanism(mechanism: int | _native.Mechanism) -> _native.Mechanism:
    return _native.Mechanism(mechanism) if isinstance(mechanism, int) else mechanism


@dataclass(frozen=True, slots=True)
class Info:
    cryptoki_version: tuple[int, int]
    manufacturer: str
    description: str
    library_version: tuple[int, int]


@dataclass(frozen=True, slots=True)
class SlotInfo:
    description: str
    manufacturer: str
    flags: SlotFlag


@dataclass(frozen=True, slots=True)
class TokenInfo:
    label: str
    manufacturer: str
    model: str
    serial_number: str
    flags: TokenFlag
    min_pin_length: int
    max_pin_length: int


@dataclass(frozen=True, slots=True)
class MechanismInfo:
    min_key_size: int  # bits
    max_key_size: int  # bits
    flags: MechanismFlag


def text(field: bytes) -> str:
    """A blank-padded field without its padding."""
    return field.decode().rstrip(" ")


class Module:
    """A loaded module. As a context manager it is initialised inside and finalised after."""

    def __init__(self, path: Path | str) -> None:
        self.native = _native.Module(str(path))

    def __enter__(self) -> Self:
        self.initialize()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.finalize()

    def initialize(self, flags: InitializeFlag = InitializeFlag.OS_LOCKING_OK) -> None:
        check("C_Initialize", self.native.initialize(_native.InitializeArguments(flags)))

    def finalize(self) -> None:
        check("C_Finalize", self.native.finalize())

    def info(self) -> Info:
        rv, info = self.native.get_info()
        check("C_GetInfo", rv)
        return Info(
            info.cryptoki_version,
            text(info.manufacturer_id),
            text(info.library_description),
            info.library_version,
        )

    def slots(self, *, with_token: bool = True) -> list["Slot"]:
        """The slots in the module's order."""
        numbers = listed(
            "C_GetSlotList", lambda slots: self.native.get_slot_list(with_token, slots)
        )
        return [Slot(self, number) for number in numbers]

    def slot(self, label: str) -> "Slot":
        """The slot whose token has this label. Raises LookupError."""
        for slot in self.slots():
            if slot.token().label == label:
                return slot
        raise LookupError(f"no token has the label {label!r}")


def listed(function: str, call: Callable[[_native.Numbers], int]) -> list[int]:
    """Both calls of the length convention; once more where the list grew between them."""
    while True:
        count = _native.Numbers()
        check(function, call(count))
        room = _native.Numbers(count.length)
        rv = call(room)
        if rv != CKR.BUFFER_TOO_SMALL:
            check(function, rv)
            return room.value


@dataclass(frozen=True, slots=True)
class Slot:
    module: Module
    number: int

    def info(self) -> SlotInfo:
        rv, info = self.module.native.get_slot_info(self.number)
        check("C_GetSlotInfo", rv)
        return SlotInfo(text(info.description), text(info.manufacturer_id), SlotFlag(info.flags))

    def token(self) -> TokenInfo:
        rv, info = self.module.native.get_token_info(self.number)
        check("C_GetTokenInfo", rv)
        return TokenInfo(
            text(info.label),
            text(info.manufacturer_id),
            text(info.model),
            text(info.serial_number),
            TokenFlag(info.flags),
            info.min_pin_length,
            info.max_pin_length,
        )

    def mechanisms(self) -> list[int]:
        return listed(
            "C_GetMechanismList",
            lambda mechanisms: self.module.native.get_mechanism_list(self.number, mechanisms),
        )

    def mechanism_info(self, mechanism: int) -> MechanismInfo:
        rv, info = self.module.native.get_mechanism_info(self.number, mechanism)
        check("C_GetMechanismInfo", rv)
        return MechanismInfo(info.min_key_size, info.max_key_size, MechanismFlag(info.flags))

    def open(self, *, read_write: bool = False) -> "Session":
        flags = SessionFlag.SERIAL_SESSION
        if read_write:
            flags |= SessionFlag.RW_SESSION
        rv, handle = self.module.native.open_session(self.number, flags)
        check("C_OpenSession", rv)
        return Session(self.module, handle)


@dataclass(frozen=True, slots=True)
class Session:
    """An open session. As a context manager it is closed after."""

    module: Module
    handle: int

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        check("C_CloseSession", self.module.native.close_session(self.handle))

    def login(self, pin: str, user: CKU = CKU.USER) -> None:
        check("C_Login", self.module.native.login(self.handle, user, pin.encode()))

    def logout(self) -> None:
        check("C_Logout", self.module.native.logout(self.handle))

    def find(self, match: Mapping[int, Value | None] | None = None) -> list["Object"]:
        """Every object that has all these values, in the module's order."""
        native = self.module.native
        check("C_FindObjectsInit", native.find_objects_init(self.handle, template(match or {})))
        found: list[Object] = []
        while True:
            batch = _native.Numbers(FIND_BATCH)
            check("C_FindObjects", native.find_objects(self.handle, batch))
            found += [Object(self, handle) for handle in batch.value]
            if batch.length < FIND_BATCH:
                break
        check("C_FindObjectsFinal", native.find_objects_final(self.handle))
        return found

    def find_one(self, match: Mapping[int, Value | None]) -> "Object":
        """The only object that has all these values. Raises LookupError for none or several."""
        found = self.find(match)
        if len(found) != 1:
            raise LookupError(f"{len(found)} objects instead of one have these values")
        return found[0]

    def sign(self, mechanism: int | _native.Mechanism, key: "Object", data: bytes) -> bytes:
        """C_SignInit, C_Sign for the length, C_Sign."""
        native = self.module.native
        check("C_SignInit", native.sign_init(self.handle, as_mechanism(mechanism), key.handle))
        return sized("C_Sign", lambda signature: native.sign(self.handle, data, signature))

    def sign_parts(
        self, mechanism: int | _native.Mechanism, key: "Object", parts: Iterable[bytes]
    ) -> bytes:
        native = self.module.native
        check("C_SignInit", native.sign_init(self.handle, as_mechanism(mechanism), key.handle))
        for part in parts:
            check("C_SignUpdate", native.sign_update(self.handle, part))
        return sized("C_SignFinal", lambda signature: native.sign_final(self.handle, signature))

    def verify(
        self, mechanism: int | _native.Mechanism, key: "Object", data: bytes, signature: bytes
    ) -> None:
        """Raises Pkcs11Error with SIGNATURE_INVALID or SIGNATURE_LEN_RANGE."""
        native = self.module.native
        check("C_VerifyInit", native.verify_init(self.handle, as_mechanism(mechanism), key.handle))
        check("C_Verify", native.verify(self.handle, data, signature))

    def verify_parts(
        self,
        mechanism: int | _native.Mechanism,
        key: "Object",
        parts: Iterable[bytes],
        signature: bytes,
    ) -> None:
        native = self.module.native
        check("C_VerifyInit", native.verify_init(self.handle, as_mechanism(mechanism), key.handle))
        for part in parts:
            check("C_VerifyUpdate", native.verify_update(self.handle, part))
        check("C_VerifyFinal", native.verify_final(self.handle, signature))

    def digest(self, mechanism: int, data: bytes) -> bytes:
        native = self.module.native
        check("C_DigestInit", native.digest_init(self.handle, as_mechanism(mechanism)))
        return sized("C_Digest", lambda digest: native.digest(self.handle, data, digest))

    def digest_parts(self, mechanism: int, parts: Iterable[bytes]) -> bytes:
        native = self.module.native
        check("C_DigestInit", native.digest_init(self.handle, as_mechanism(mechanism)))
        for part in parts:
            check("C_DigestUpdate", native.digest_update(self.handle, part))
        return sized("C_DigestFinal", lambda digest: native.digest_final(self.handle, digest))

    def random(self, length: int) -> bytes:
        buffer = _native.Buffer(length)
        check("C_GenerateRandom", self.module.native.generate_random(self.handle, buffer))
        return buffer.value


def sized(function: str, call: Callable[[_native.Buffer], int]) -> bytes:
    """Both calls of the length convention, §5.2."""
    length = _native.Buffer()
    check(function, call(length))
    buffer = _native.Buffer(length.length)
    check(function, call(buffer))
    return buffer.value


@dataclass(frozen=True, slots=True)
class Object:
    """An object as one session sees it; two are equal if session and handle are."""

    session: Session
    handle: int

    def get(self, *attributes: int) -> tuple[bytes, ...]:
        """The values in the order asked for, in two calls. Raises Pkcs11Error if one has none."""
        native = self.session.module.native
        lengths = _native.Template()
        for attribute in attributes:
            lengths.add_room(attribute)
        rv = native.get_attribute_value(self.session.handle, self.handle, lengths)
        check("C_GetAttributeValue", rv)
        room = _native.Template()
        for index, attribute in enumerate(attributes):
            length = lengths.length(index)
            room.add_room(attribute, 0 if length == UNAVAILABLE_INFORMATION else length)
        rv = native.get_attribute_value(self.session.handle, self.handle, room)
        check("C_GetAttributeValue", rv)
        return tuple(room.value(index) for index in range(len(attributes)))

    def __getitem__(self, attribute: int) -> bytes:
        return self.get(attribute)[0]

    def number(self, attribute: int) -> int:
        """The value of a CK_ULONG attribute."""
        (number,) = struct.unpack("@L", self[attribute])
        return int(number)

    def flag(self, attribute: int) -> bool:
        """The value of a CK_BBOOL attribute."""
        return {b"\x00": False, b"\x01": True}[self[attribute]]

    @property
    def label(self) -> str:
        return self[CKA.LABEL].decode()
