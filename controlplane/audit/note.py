"""Signed notes (C2SP signed-note): a text, and lines of signatures over it, by named keys."""

from base64 import b64encode
from hashlib import sha256

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

_ED25519 = b"\x01"
_ID_OCTETS = 4


def verifier_key(name: str, public_key: bytes) -> str:
    """`name+hash+base64`, as verifiers take it. `public_key`: 32 octets of Ed25519."""
    octets = b64encode(_ED25519 + public_key).decode()
    return f"{name}+{_key_id(name, public_key).hex()}+{octets}"


class NoteSigner:
    def __init__(self, name: str, key: Ed25519PrivateKey) -> None:
        self.name = name
        self._key = key
        self._id = _key_id(name, key.public_key().public_bytes_raw())

    def sign(self, text: str) -> str:
        """The note; `text` ends with a line feed."""
        signature = b64encode(self._id + self._key.sign(text.encode())).decode()
        return f"{text}\n\u2014 {self.name} {signature}\n"


def _key_id(name: str, public_key: bytes) -> bytes:
    return sha256(name.encode() + b"\n" + _ED25519 + public_key).digest()[:_ID_OCTETS]
