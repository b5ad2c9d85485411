"""Signed installer packages (MSI): all streams but the signature itself, in the order of their
names, and the class of each storage. Names, and times, are signed only where there is a
MsiDigitalSignatureEx, whose hash comes first; without one the format does not cover them."""

from collections.abc import Iterator

from sealwright.receipt.artifact.authenticode import SUBJECT_PACKAGE, check_authenticode
from sealwright.receipt.artifact.compound import Storage, Stream, read_compound
from sealwright.receipt.artifact.misfit import MisfitError
from sealwright.receipt.row import Row

_SIGNATURE = "\5DigitalSignature".encode("utf-16-le")
_EXTENDED = "\5MsiDigitalSignatureEx".encode("utf-16-le")


def check_msi(octets: memoryview, row: Row) -> None:
    """
    Raises:
        MisfitError: it does not lead to the row's signature.
    """
    root = read_compound(octets)
    by_name = {member.name: member for member in root.members}
    if _EXTENDED in by_name:
        raise MisfitError("is signed with names and times (MsiDigitalSignatureEx), not known here")
    signature = by_name.get(_SIGNATURE)
    if not isinstance(signature, Stream):
        raise MisfitError("carries no signature")
    check_authenticode(row, SUBJECT_PACKAGE, signature.content, _hashed(root, _SIGNATURE))


def _hashed(storage: Storage, left_out: bytes | None = None) -> Iterator[bytes]:
    for member in sorted(storage.members, key=lambda each: each.name):
        if isinstance(member, Storage):
            yield from _hashed(member)
        elif member.name != left_out:
            yield member.content
    yield storage.class_id
