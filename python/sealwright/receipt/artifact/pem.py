"""PEM (RFC 7468): one block, and nothing else."""

import re

from sealwright.receipt.artifact.misfit import MisfitError
from sealwright.receipt.base64_text import from_base64

_LABELS = ("CMS", "PKCS7")
_BLOCK = re.compile(
    r"-----BEGIN (?P<label>[A-Z0-9 ]+)-----\r?\n(?P<lines>[A-Za-z0-9+/=\r\n]+)"
    r"-----END (?P=label)-----\s*"
)


def from_pem(octets: bytes) -> bytes:
    """What is in it; octets that are not PEM as they are.

    Raises:
        MisfitError: it is PEM of something else, or damaged.
    """
    if not octets.startswith(b"-----"):
        return octets
    block = _BLOCK.fullmatch(octets.decode("ascii", "replace"))
    if block is None or block["label"] not in _LABELS:
        raise MisfitError("is not PEM of a CMS signature")
    try:
        return from_base64(re.sub(r"\s", "", block["lines"]))
    except ValueError:
        raise MisfitError("is damaged PEM") from None
