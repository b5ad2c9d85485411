"""What a client says of itself is kept for ever, so secrets go and lengths are capped first."""

import re
from functools import lru_cache

from controlplane.domain.model import Client
from controlplane.domain.secret import ANY_PREFIX
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

_SUSPECT = re.compile(
    ANY_PREFIX + r"""|pass|pwd|pin|secret|token|api[-_]?key|[-/]p["'\s]|://[^/\s:]*:(?!\d{1,5}/)""",
    re.IGNORECASE,
)
_SECRET = re.compile(ANY_PREFIX + "[A-Za-z0-9]*")
# As a shell tells arguments apart; a quote that does not end takes all that follows.
_ARGUMENT = re.compile(r"""(?:\\.|"(?:\\.|[^"\\])*"?|'[^']*'?|[^\s"'])+""", re.DOTALL)

_ENDING = r"(?:pass|passwd|password|passphrase|passin|passout|pwd|pin|pin-value|secret|api[-_]?key)"
_BEARER = r"(?:(?:access|api|auth|bearer|id|identity|oidc|session)[-_])?token"
_OPTION = rf"(?:--?|/)(?:[\w-]{{0,32}}?{_ENDING}|{_BEARER}|(?-i:[pP]))"
# -storepass, "--pin"; the JDK's -storepass:env X names no secret, but hiding it costs little
_VALUE_FOLLOWS = re.compile(rf"""["']?{_OPTION}(?::(?:env|file))?["']?""", re.IGNORECASE)

# https://user: in front of a password; https://host:8080/ has a port
_USER_OF_URL = re.compile(r"://[^/\s:]*:(?!\d{1,5}/)")
_WORD = re.compile(r"\S+")

_HOLDS_VALUE = re.compile(rf"({_OPTION}[=:]).+", re.IGNORECASE | re.DOTALL)  # --pin=X

_UNTIL = r"""(?:"[^"]*"?|'[^']*'?|[^\s;&"']+)"""
_INSIDE = [
    re.compile(rf"""((?<![\w-]){_OPTION}[=:]){_UNTIL}""", re.IGNORECASE),
    # PASSWORD=X in front of a command, pin-value=X in a PKCS#11 URI
    re.compile(rf"""({_ENDING}=){_UNTIL}""", re.IGNORECASE),
    # OpenSSL's pass:X
    re.compile(rf"((?<!\w)pass:){_UNTIL}", re.IGNORECASE),
]
# In what a shell would take for one argument, and in sentences.
_AMONG_WORDS = [
    re.compile(rf"((?<![\w-]){_OPTION}(?::(?:env|file))?\s+){_UNTIL}", re.IGNORECASE),
    re.compile(rf"({_ENDING}\s=\s){_UNTIL}", re.IGNORECASE),
]


def redact(text: str) -> str:
    """API keys and the like and the values of password options replaced, and what cannot be
    stored."""
    text = storable(text[:_LONGEST_READ])
    if _SUSPECT.search(text) is None:  # true of nearly every text, and every call to sign asks
        return text
    return _replace(_AMONG_WORDS[1:], _redact_arguments(_SECRET.sub(REDACTED, text)))


def _redact_arguments(text: str) -> str:
    """One by one: what follows an option is its value, whatever else it looks like; what follows
    an empty value is not."""
    is_value = False

    def shown(argument: re.Match[str]) -> str:
        nonlocal is_value
        was_value, is_value = is_value, _VALUE_FOLLOWS.fullmatch(argument[0]) is not None
        if was_value:
            is_value = False
            return REDACTED
        quote = _quote_around(argument[0])
        return quote + _redact_argument(argument[0].removeprefix(quote).removesuffix(quote)) + quote

    return _ARGUMENT.sub(shown, text)


def _quote_around(argument: str) -> str:
    quote = argument[0]
    is_one = quote in "\"'" and len(argument) > 1 and argument.find(quote, 1) == len(argument) - 1
    return quote if is_one else ""


def _redact_argument(argument: str) -> str:
    if (option := _HOLDS_VALUE.fullmatch(argument)) is not None:
        return option[1] + REDACTED
    has_words = len(argument.split()) > 1
    argument = _replace([*_INSIDE, *(_AMONG_WORDS if has_words else [])], argument)
    return _WORD.sub(_redact_password_of_url, argument)


def _redact_password_of_url(word: re.Match[str]) -> str:
    """What stands between the first colon behind `scheme://` and the last `@` before white space
    goes, unless that colon comes after a slash, or before a port: up to five digits and a slash.

    Browsers and curl take the last `@` of the authority, which no slash can be in; who writes a
    slash into a password means it to be one, so too much goes rather than too little.
    """
    text = word[0]
    end = max(text.rfind("@"), 0)
    user = _USER_OF_URL.search(text, 0, end)
    if user is None or user.end() == end:
        return text
    return text[: user.end()] + REDACTED + text[end:]


def _replace(secrets: list[re.Pattern[str]], text: str) -> str:
    for secret in secrets:
        text = secret.sub(rf"\g<1>{REDACTED}", text)
    return text


@lru_cache(maxsize=256)  # a build says the same with each of its calls
def clean(client: Client) -> Client:
    """Redacted, then cut to the most characters that each field may have, with an ellipsis."""
    return Client(**{name: _clean(getattr(client, name), most) for name, most in _MOST.items()})


def _clean(text: str | None, most: int) -> str | None:
    return None if text is None else shorten(redact(text), most)
