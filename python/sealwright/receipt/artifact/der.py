"""DER (X.690), read strictly: each value exactly as long as it says, in the one spelling of its
length, and nothing behind the last one. In time that is linear in the octets."""

import msgspec

SEQUENCE, SET, INTEGER, BITS, OCTETS, OBJECT = 0x30, 0x31, 0x02, 0x03, 0x04, 0x06
_CONSTRUCTED, _HIGH_TAG = 0x20, 0x1F
_LONG = 0x80
_LENGTH_OCTETS = 4
_DEEPEST = 48


class DerError(ValueError):
    """These octets are no DER, or of other fields than expected."""


class Value(msgspec.Struct, frozen=True):
    """`octets`: with tag and length; `content`: without."""

    octets: bytes
    content: bytes

    @property
    def tag(self) -> int:
        return self.octets[0]

    def of(self, tag: int) -> "Value":
        if self.tag != tag:
            raise DerError
        return self

    def fields(self, tag: int = SEQUENCE) -> list["Value"]:
        """What is in it, which is constructed."""
        return values(self.of(tag).content)


def value(octets: bytes) -> Value:
    """The one that these octets are."""
    (only,) = _exactly(1, values(octets))
    return only


def values(octets: bytes) -> list[Value]:
    """One after another."""
    found = []
    place = 0
    while place < len(octets):
        start, end = _content(octets, place, len(octets))
        found.append(Value(octets[place:end], octets[start:end]))
        place = end
    return found


def pair(of: Value, tag: int = SEQUENCE) -> tuple[Value, Value]:
    one, other = _exactly(2, of.fields(tag))
    return one, other


def check(octets: bytes) -> None:
    """That these are values, and all that is in them too."""
    ends = [len(octets)]
    place = 0
    while place < len(octets):
        while place == ends[-1]:
            ends.pop()
        start, end = _content(octets, place, ends[-1])
        if octets[place] & _CONSTRUCTED and start < end:
            if len(ends) > _DEEPEST:
                raise DerError
            ends.append(end)
            place = start
        else:
            place = end
    if any(end != place for end in ends):
        raise DerError


def der_length(length: int) -> bytes:
    if length < _LONG:
        return bytes([length])
    octets = length.to_bytes((length.bit_length() + 7) // 8)
    return bytes([_LONG | len(octets)]) + octets


def _content(octets: bytes, place: int, until: int) -> tuple[int, int]:
    """Where the content of the value at `place` begins and ends."""
    if place + 2 > until or octets[place] & _HIGH_TAG == _HIGH_TAG or not octets[place]:
        raise DerError
    length, start = octets[place + 1], place + 2
    if length >= _LONG:
        count = length & ~_LONG
        start += count
        if not 1 <= count <= _LENGTH_OCTETS or start > until:
            raise DerError
        length = int.from_bytes(octets[place + 2 : start])
        if der_length(length) != octets[place + 1 : start]:
            raise DerError
    if start + length > until:
        raise DerError
    return start, start + length


def _exactly(count: int, found: list[Value]) -> list[Value]:
    if len(found) != count:
        raise DerError
    return found
