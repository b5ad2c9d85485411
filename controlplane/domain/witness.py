"""Witnesses: others who see that what the log says of itself at one time fits what it said before,
and sign that. Pure."""

import hashlib
import ipaddress
import re
from base64 import b64decode, b64encode
from binascii import Error
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

_COSIGNATURE = b"\x04"
_KEY_OCTETS = 32
_ID_OCTETS = 4
_LONGEST_KEY = 512  # characters
_LONGEST_URL = 255
_SIZE = re.compile(r"[^\n]*\n([0-9]{1,19})\n")


@dataclass(frozen=True, slots=True)
class WitnessKey:
    """Of Ed25519, for cosignatures (C2SP tlog-cosignature). `text`: as witnesses print it."""

    name: str
    id: bytes
    public_key: bytes
    text: str


@dataclass(frozen=True, slots=True)
class Witness:
    """`url`: its submission prefix, without a slash at the end."""

    id: str
    url: str
    key: WitnessKey
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Cosignature:
    """Of a checkpoint; `note`: what the log signed of it. `line`: of a signed note, without its
    line feed; `at`: by the witness's clock."""

    note: str
    line: str
    at: datetime

    @property
    def size(self) -> int:
        """That the note says; 0 where it says none."""
        size = _SIZE.match(self.note)
        return 0 if size is None else int(size[1])


@dataclass(frozen=True, slots=True)
class Standing:
    """How it went with a witness. `succeeded_at`: when it last signed, or had signed all that there
    was; `failure`: of the last try, in words; None where it succeeded."""

    cosignature: Cosignature | None = None
    succeeded_at: datetime | None = None
    failed_at: datetime | None = None
    failure: str | None = None


def read_key(text: str) -> WitnessKey:
    """`NAME+HEX+BASE64` (C2SP signed-note, verifier keys). ValueError, in words."""
    name, _, rest = text.partition("+")
    id_text, _, encoded = rest.partition("+")
    if len(text) > _LONGEST_KEY or not encoded or not _is_name(name):
        raise ValueError("a verifier key is NAME+HEX+BASE64, as the witness prints it")
    try:
        octets = b64decode(encoded, validate=True)
    except (Error, ValueError):
        raise ValueError("the last part of the verifier key is not base64") from None
    if b64encode(octets).decode() != encoded:
        raise ValueError("the last part of the verifier key is not base64")
    if octets[:1] != _COSIGNATURE or len(octets) != 1 + _KEY_OCTETS:
        raise ValueError("it is not the Ed25519 key of a witness (type 4)")
    key_id = hashlib.sha256(name.encode() + b"\n" + octets).digest()[:_ID_OCTETS]
    if key_id.hex() != id_text:
        raise ValueError(f"its name and key give the id {key_id.hex()}, not {id_text}")
    return WitnessKey(name, key_id, octets[1:], text)


def read_url(text: str) -> str:
    """Where it takes checkpoints; https, or http to this machine alone. ValueError, in words."""
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise ValueError("it is no URL") from None
    plain = text.isascii() and text.isprintable() and " " not in text
    if not plain or len(text) > _LONGEST_URL or not host or parts.scheme not in ("https", "http"):
        raise ValueError("it is no https:// URL")
    if parts.username is not None or parts.query or parts.fragment or "?" in text or "#" in text:
        raise ValueError("it has more than a host and a path")
    if parts.scheme == "http" and not _is_here(host):
        raise ValueError("http:// is for this machine alone; use https://")
    return text.rstrip("/")


def _is_here(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _is_name(name: str) -> bool:
    return bool(name) and name.isprintable() and not any(map(str.isspace, name))
