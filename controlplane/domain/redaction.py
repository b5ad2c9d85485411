"""What a client says of itself is kept for ever, so secrets go and lengths are capped first."""

import re
from functools import lru_cache

from controlplane.domain.model import Client
from controlplane.domain.text import shorten, storable

_MOST = {
    "address": 64,
    "tool": 128,
    "command": 1024,
    "hostname": 255,
    "os_user": 128,
    "application_sha256": 64,
    "module_version": 64,
}
REDACTED = "[redacted]"

_LONGEST_READ = 4096  # characters; what follows is never looked at

_SUSPECT = re.compile(r"swk_|pass|pwd|pin|secret|api[-_]?key|[-/]p\s", re.IGNORECASE)
_API_KEY = re.compile(r"swk_[A-Za-z0-9]*")
_ENDING = r"(?:pass|passwd|password|passphrase|passin|passout|pwd|pin|pin-value|secret|api[-_]?key)"
_VALUE = r"""(?:"[^"]*"?|'[^']*'?|[^\s;&]+)"""
_SECRETS = [
    # -storepass X, --pin X; the JDK's -storepass:env X names no secret, but hiding it costs little
    re.compile(rf"((?:--?|/)[\w-]{{0,32}}?{_ENDING}(?::\w+)?\s+){_VALUE}", re.IGNORECASE),
    # --pin=X, PASSWORD=X in front of a command, pin-value=X in a PKCS#11 URI
    re.compile(rf"({_ENDING}\s?=\s?){_VALUE}", re.IGNORECASE),
    # OpenSSL's pass:X
    re.compile(rf"((?<!\w)pass:){_VALUE}", re.IGNORECASE),
    re.compile(rf"((?<!\S)[-/]p\s+){_VALUE}"),
]


def redact(text: str) -> str:
    """API keys and the values of password options replaced, and what cannot be stored."""
    text = storable(text[:_LONGEST_READ])
    if _SUSPECT.search(text) is None:  # true of nearly every text, and every call to sign asks
        return text
    text = _API_KEY.sub(REDACTED, text)
    for secret in _SECRETS:
        text = secret.sub(rf"\g<1>{REDACTED}", text)
    return text


@lru_cache(maxsize=256)  # a build says the same with each of its calls
def clean(client: Client) -> Client:
    """Redacted, then cut to the most characters that each field may have, with an ellipsis."""
    return Client(**{name: _clean(getattr(client, name), most) for name, most in _MOST.items()})


def _clean(text: str | None, most: int) -> str | None:
    return None if text is None else shorten(redact(text), most)
