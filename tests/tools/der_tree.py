"""DER as a tree that can be bent: any value may be given another content, or another spelling."""

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass
class Node:
    """`inside`: None of a value that is not constructed; `spelling`: of its length."""

    tag: int
    content: bytes
    inside: "list[Node] | None" = None
    spelling: str = "DER"

    def encode(self) -> bytes:
        content = self.content
        if self.inside is not None:
            content = b"".join(each.encode() for each in self.inside)
        tag, length = bytes([self.tag]), len(content)
        if self.spelling == "indefinite":
            return tag + b"\x80" + content + b"\0\0"
        if self.spelling == "long":
            return tag + b"\x85" + length.to_bytes(5) + content
        if length < 0x80:
            return tag + bytes([length]) + content
        octets = length.to_bytes((length.bit_length() + 7) // 8)
        return tag + bytes([0x80 | len(octets)]) + octets + content

    def every(self) -> "Iterator[Node]":
        yield self
        for each in self.inside or ():
            yield from each.every()


def tree(octets: bytes) -> Node:
    root = Node(octets[0], b"", _read(octets)[0].inside)
    assert root.encode() == octets
    return root


def _read(octets: bytes) -> list[Node]:
    found: list[Node] = []
    while octets:
        start, length = 2, octets[1]
        if length & 0x80:
            start += length & 0x7F
            length = int.from_bytes(octets[2:start])
        content = octets[start : start + length]
        found.append(Node(octets[0], content, _read(content) if octets[0] & 0x20 else None))
        octets = octets[start + length :]
    return found
