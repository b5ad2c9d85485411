"""Values written in DER (X.690 §8, §10, §11). To build a token of asn1crypto's objects takes some
hundred times as long, in which nothing else of the process runs."""

from datetime import datetime

SEQUENCE = 0x30
SET = 0x31
_BOOLEAN, _INTEGER, _BITS, _OCTETS, _NULL, _OID = 0x01, 0x02, 0x03, 0x04, 0x05, 0x06
_TEXT, _TIME = 0x0C, 0x18
_CONSTRUCTED_IN_CONTEXT = 0xA0

NULL = bytes([_NULL, 0])
TRUE = bytes([_BOOLEAN, 1, 0xFF])


def element(tag: int, *contents: bytes) -> bytes:
    """`tag`: its one octet, of a number below 31."""
    content = b"".join(contents)
    length = len(content)
    if length < 0x80:
        return bytes([tag, length]) + content
    octets = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(octets)]) + octets + content


def sequence(*contents: bytes) -> bytes:
    return element(SEQUENCE, *contents)


def set_of(*elements: bytes) -> bytes:
    """In the order of their encodings (X.690 §11.6)."""
    return element(SET, *sorted(elements))


def in_context(number: int, *contents: bytes) -> bytes:
    """`[number]`: explicit around an element, implicit around the contents of a constructed one."""
    return element(_CONSTRUCTED_IN_CONTEXT | number, *contents)


def integer(value: int) -> bytes:
    bits = (value if value >= 0 else ~value).bit_length()  # beside that of the sign
    return element(_INTEGER, value.to_bytes(bits // 8 + 1, "big", signed=True))


def octets(value: bytes) -> bytes:
    return element(_OCTETS, value)


def text(value: str) -> bytes:
    return element(_TEXT, value.encode())


def named_bit(number: int) -> bytes:
    """A named bit list with this bit alone: none follows the last that is set (§11.2.2)."""
    unused = 7 - number % 8
    return element(_BITS, bytes([unused]), (1 << unused).to_bytes(number // 8 + 1, "big"))


def time(value: datetime) -> bytes:
    """Of whole seconds, in UTC."""
    return element(_TIME, value.strftime("%Y%m%d%H%M%SZ").encode())


def object_identifier(dotted: str) -> bytes:
    first, second, *others = map(int, dotted.split("."))
    return element(_OID, *map(_base_128, (40 * first + second, *others)))


def _base_128(arc: int) -> bytes:
    septets = [arc & 0x7F]
    while arc := arc >> 7:
        septets.append(arc & 0x7F | 0x80)
    return bytes(reversed(septets))
