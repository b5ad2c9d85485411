"""Which text every store can hold: all of Unicode but NUL, which PostgreSQL refuses, and unpaired
surrogates, which no UTF-8 has."""

import re

REPLACEMENT = "\ufffd"

_UNSTORABLE = re.compile(r"[\u0000\ud800-\udfff]")


def is_storable(text: str) -> bool:
    return "\0" not in text if text.isascii() else _UNSTORABLE.search(text) is None


def storable(text: str) -> str:
    """With U+FFFD for each character that cannot be stored."""
    if text.isascii():
        return text.replace("\0", REPLACEMENT)
    return _UNSTORABLE.sub(REPLACEMENT, text)


def shorten(text: str, most: int) -> str:
    """Cut to this many characters, the last of them an ellipsis."""
    return text if len(text) <= most else text[: most - 1] + "…"
