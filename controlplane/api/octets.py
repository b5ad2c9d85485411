"""Octets in a body: base64 as RFC 4648 has it, which has one text for each value."""

from binascii import a2b_base64, b2a_base64
from typing import Annotated

from msgspec import Meta

from controlplane.errors import invalid

LARGEST_DIGEST = 512  # octets: the modulus of the longest RSA key
LARGEST_MESSAGE = 64 * 1024  # octets


def _schema(most: int) -> dict[str, object]:
    return {"contentEncoding": "base64", "maxLength": (most + 2) // 3 * 4}


Digest = Annotated[
    str,
    Meta(
        description="as long as the hash says; none: up to 512 octets, with ecdsa 1 to 64",
        extra_json_schema=_schema(LARGEST_DIGEST),
    ),
]
Message = Annotated[
    str,
    Meta(
        description="in the place of digest, with a scheme that signs the message itself",
        extra_json_schema=_schema(LARGEST_MESSAGE),
    ),
]


def read_octets(field: str, text: str, most: int) -> bytes:
    """At most so many. Refused 400 naming the field: it is too long, or no base64, or not as an
    encoder writes it, with bits behind the last octet that decoders drop (RFC 4648 §3.5)."""
    try:
        octets = a2b_base64(text)
    except ValueError:
        octets = b""
    if b2a_base64(octets, newline=False).decode() != text:
        raise invalid(field, f"{field}: this is not base64 as RFC 4648 writes it, with padding.")
    if len(octets) > most:
        raise invalid(field, f"{field}: at most {most} octets, not {len(octets)}.")
    return octets
