"""Signed notes and verifier keys (C2SP signed-note, tlog-cosignature), Ed25519 alone."""

import hashlib
from enum import IntEnum

import msgspec

from sealwright.receipt.base64_text import from_base64

MOST_SIGNATURES = 100
_LINE_BEGINS = "— "
_KEY_ID_OCTETS, _TIME_OCTETS, _KEY_OCTETS, _SIGNATURE_OCTETS = 4, 8, 32, 64


class KeyKind(IntEnum):
    """The signature type octet of C2SP signed-note."""

    ED25519 = 0x01
    """Over the note's text: a log's own."""
    COSIGNATURE = 0x04
    """Over a line that says so, the time, and the text: a witness's."""


class VerifierKey(msgspec.Struct, frozen=True):
    name: str
    key_id: bytes
    kind: KeyKind
    public_key: bytes

    @classmethod
    def parse(cls, text: str) -> "VerifierKey":
        """`text`: `NAME+HEX+BASE64`, as `sealwright log key` and witnesses print it.

        Raises:
            ValueError: it is no such key; says why.
        """
        name, _, rest = text.partition("+")
        id_text, _, key_text = rest.partition("+")
        if not name or not key_text or not is_key_name(name):
            raise ValueError("a verifier key is NAME+HEX+BASE64")
        try:
            encoded = from_base64(key_text)
        except ValueError as fault:
            raise ValueError(f"its last part: {fault}") from None
        kind, public_key = encoded[:1], encoded[1:]
        if kind not in {bytes([each]) for each in KeyKind} or len(public_key) != _KEY_OCTETS:
            raise ValueError("it is not the Ed25519 key of a log or of a witness")
        key_id = hashlib.sha256(name.encode() + b"\n" + encoded).digest()[:_KEY_ID_OCTETS]
        if id_text != key_id.hex():
            raise ValueError(f"its name and its key give the id {key_id.hex()}, not {id_text}")
        return cls(name, key_id, KeyKind(kind[0]), public_key)


class SignatureLine(msgspec.Struct, frozen=True):
    name: str
    key_id: bytes
    signature: bytes


class Note(msgspec.Struct, frozen=True):
    """`text` ends with a line feed."""

    text: str
    signatures: tuple[SignatureLine, ...]

    def is_signed_by(self, key: VerifierKey) -> bool:
        """A log's key.

        Raises:
            WrongSignatureError: a signature that is said to be by it is not.
        """
        lines = self._lines_of(key)
        for line in lines:
            _verify(key, line, line.signature, self.text.encode())
        return bool(lines)

    def cosigned_at(self, key: VerifierKey) -> int | None:
        """When that witness says that it saw this, in seconds since 1970; None if it says nothing.

        Raises:
            WrongSignatureError: a signature that is said to be by it is not.
        """
        times = []
        for line in self._lines_of(key):
            seconds = int.from_bytes(line.signature[:_TIME_OCTETS])
            said = f"cosignature/v1\ntime {seconds}\n{self.text}".encode()
            _verify(key, line, line.signature[_TIME_OCTETS:], said)
            times.append(seconds)
        return max(times, default=None)

    def _lines_of(self, key: VerifierKey) -> list[SignatureLine]:
        it = (key.name, key.key_id)
        return [line for line in self.signatures if (line.name, line.key_id) == it]


class WrongSignatureError(Exception):
    """Of a key that is known. Its text names it."""


def is_signature_line(line: str) -> bool:
    return line.startswith(_LINE_BEGINS)


def parse_signature_line(line: str) -> SignatureLine:
    """
    Raises:
        ValueError: it is none.
    """
    name, space, encoded = line.removeprefix(_LINE_BEGINS).partition(" ")
    if not is_signature_line(line) or not space or not is_key_name(name):
        raise ValueError("it is no signature line")
    octets = from_base64(encoded)
    if len(octets) <= _KEY_ID_OCTETS:
        raise ValueError("its signature is too short")
    return SignatureLine(name, octets[:_KEY_ID_OCTETS], octets[_KEY_ID_OCTETS:])


def is_key_name(name: str) -> bool:
    return bool(name) and "+" not in name and not any(map(str.isspace, name))


def _verify(key: VerifierKey, line: SignatureLine, signature: bytes, message: bytes) -> None:
    # Not at the top: most of what starts this interpreter verifies nothing.
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        if len(signature) != _SIGNATURE_OCTETS:
            raise InvalidSignature
        Ed25519PublicKey.from_public_bytes(key.public_key).verify(signature, message)
    except (InvalidSignature, ValueError):
        raise WrongSignatureError(
            f"the signature of {line.name} ({line.key_id.hex()}) is not by that key"
        ) from None
