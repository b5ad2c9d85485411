"""A file of receipts: C2SP tlog-proof texts one after another, each with what is disclosed of its
row; mostly a single one. The first is the one asked for, the others are of rows that it names.

A disclosure is a line after a receipt's signatures, `disclose MEMBER SALT VALUE`: base64 of the 16
octets of salt and of the canonical JSON that the row commits to.
"""

from collections.abc import Iterator

import msgspec

from sealwright.receipt.base64_text import from_base64, to_base64
from sealwright.receipt.checkpoint import HASH_OCTETS, Checkpoint
from sealwright.receipt.note import (
    MOST_SIGNATURES,
    Note,
    SignatureLine,
    is_signature_line,
    parse_signature_line,
)
from sealwright.receipt.numbers import from_decimal

FIRST_LINE = "c2sp.org/tlog-proof@v1"
DISCLOSED = ("client",)
"""Members that can be disclosed."""
LARGEST_FILE = 16 << 20
"""Octets. A receipt has a few thousand."""
_MOST_HASHES = 63
_LARGEST_INDEX = 2**63 - 2


class Disclosure(msgspec.Struct, frozen=True):
    member: str
    salt: bytes
    value: bytes

    def line(self) -> str:
        return f"disclose {self.member} {to_base64(self.salt)} {to_base64(self.value)}\n"


class Receipt(msgspec.Struct, frozen=True):
    """`extra`: the octets of the row."""

    extra: bytes
    index: int
    path: tuple[bytes, ...]
    note: Note
    checkpoint: Checkpoint
    disclosures: tuple[Disclosure, ...]


def parse_receipts(octets: bytes) -> tuple[Receipt, ...]:
    """At least one.

    Raises:
        ValueError: this is no such file; names the line.
    """
    if len(octets) > LARGEST_FILE:
        raise ValueError("it is too large for a receipt")
    try:
        text = octets.decode()
    except UnicodeDecodeError:
        raise ValueError("it is not UTF-8 text") from None
    if not text.replace("\n", "").isprintable():
        raise ValueError("it has control characters")
    if not text.endswith("\n"):
        raise ValueError("its last line has no end")
    lines = _Lines(text.split("\n")[:-1])
    receipts: list[Receipt] = []
    while not receipts or lines.next is not None:
        try:
            receipts.append(_parse_one(lines))
        except ValueError as fault:
            raise ValueError(f"line {lines.number}: {fault}") from None
    return tuple(receipts)


class _Lines:
    """`number`: of the line taken last, from 1."""

    def __init__(self, lines: list[str]) -> None:
        self._lines = lines
        self.number = 0

    @property
    def next(self) -> str | None:
        return self._lines[self.number] if self.number < len(self._lines) else None

    def take(self) -> str:
        line = self.next
        if line is None:
            raise ValueError("the receipt ends here, and should not")
        self.number += 1
        return line

    def take_word(self, word: str) -> str:
        """What follows `word` and a space."""
        line = self.take()
        if not line.startswith(f"{word} "):
            raise ValueError(f"here should stand: {word} …")
        return line.removeprefix(f"{word} ")

    def take_until_empty(self) -> Iterator[str]:
        while line := self.take():
            yield line


def _parse_one(lines: _Lines) -> Receipt:
    if lines.take() != FIRST_LINE:
        raise ValueError(f"a receipt begins with {FIRST_LINE}")
    extra = from_base64(lines.take_word("extra"))
    index = from_decimal(lines.take_word("index"), _LARGEST_INDEX)
    path = []
    for line in lines.take_until_empty():
        path.append(from_base64(line))
        if len(path[-1]) != HASH_OCTETS or len(path) > _MOST_HASHES:
            raise ValueError("this is no hash of an inclusion proof, or one too many")
    text = "".join(f"{line}\n" for line in lines.take_until_empty())
    checkpoint = Checkpoint.parse(text)
    note = Note(text, tuple(_parse_signatures(lines)))
    return Receipt(extra, index, tuple(path), note, checkpoint, tuple(_parse_disclosures(lines)))


def _parse_signatures(lines: _Lines) -> Iterator[SignatureLine]:
    count = 0
    while (line := lines.next) is not None and is_signature_line(line):
        yield parse_signature_line(lines.take())
        count += 1
        if count > MOST_SIGNATURES:
            raise ValueError(f"there are more than {MOST_SIGNATURES} signatures")
    if not count:
        raise ValueError("here should be a signature of the log")


def _parse_disclosures(lines: _Lines) -> Iterator[Disclosure]:
    seen = set()
    while (line := lines.next) is not None and line != FIRST_LINE:
        member, _, rest = lines.take_word("disclose").partition(" ")
        salt, _, value = rest.partition(" ")
        if member not in DISCLOSED or member in seen:
            raise ValueError("this is nothing that can be disclosed, or is for the second time")
        seen.add(member)
        yield Disclosure(member, from_base64(salt), from_base64(value))
