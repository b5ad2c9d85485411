"""Base64 of RFC 4648 §4 in its one spelling: with padding, no white space, no stray bits."""

from binascii import Error, a2b_base64, b2a_base64


def from_base64(text: str) -> bytes:
    """
    Raises:
        ValueError: it is not, or not in that spelling.
    """
    try:
        octets = a2b_base64(text.encode("ascii"), strict_mode=True)
    except (Error, UnicodeEncodeError):
        raise ValueError("it is not base64") from None
    if to_base64(octets) != text:
        raise ValueError("it is not the one spelling of its base64")
    return octets


def to_base64(octets: bytes) -> str:
    return b2a_base64(octets, newline=False).decode()
