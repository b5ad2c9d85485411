"""Signed JARs (the JAR File Specification, "Signed JAR File"), and APK scheme v1, which is the
same: from each entry to the manifest, from there to the signature file, from there to the block.

Stricter than its verifiers: each entry must be signed, each entry that the manifest has must be
there, the signature file must have the hash of the whole manifest, only SHA-2 counts, and there is
one signature.
"""

import hashlib
import re
from bisect import bisect_left
from collections.abc import Iterator

from sealwright.receipt.artifact.cms import check_signature, read_signature
from sealwright.receipt.artifact.misfit import MisfitError
from sealwright.receipt.artifact.zip_archive import Archive
from sealwright.receipt.base64_text import from_base64
from sealwright.receipt.row import Row

MANIFEST = "META-INF/MANIFEST.MF"
_OF_SIGNATURE = re.compile(r"META-INF/[^/]+\.(SF|RSA|EC)")
"""What no digest is of: a signature file, and its block."""
_LARGEST, _LARGEST_BLOCK = 64 << 20, 256 << 10
"""Octets of a manifest or a signature file; of its block."""
_HASHES = {"SHA-256": "sha256", "SHA-384": "sha384", "SHA-512": "sha512"}
Section = dict[str, str]
"""Attributes by name in lower case."""


def check_jar(archive: Archive, row: Row) -> None:
    """
    Raises:
        MisfitError: it does not lead to the row's signature.
    """
    upper = {name.upper() for name in archive.entries if name.upper().startswith("META-INF/")}
    if len(upper) != sum(name.upper() in upper for name in archive.entries):
        raise MisfitError("has two entries in META-INF whose names differ in case only")
    signed = _find_signature(archive, row)
    manifest = archive.read(MANIFEST, _LARGEST)
    main = _parse(signed)[0]
    if not _check_digests(main, "-digest-manifest", [manifest]):
        raise MisfitError("has a manifest that its signature is not for")
    _check_entries(archive, manifest)


def _find_signature(archive: Archive, row: Row) -> bytes:
    """The one signature file, once the row's signature is over it."""
    named = [match for match in map(_OF_SIGNATURE.fullmatch, archive.entries) if match]
    files = [match[0] for match in named if match[1] == "SF"]
    blocks = [match[0] for match in named if match[1] != "SF"]
    if not named:
        raise MisfitError("carries no signature")
    if len(files) != 1 or len(blocks) != 1 or _stem(files[0]) != _stem(blocks[0]):
        raise MisfitError("has not just the two files of one signature")
    file = archive.read(files[0], _LARGEST)
    check_signature(row, read_signature(row, archive.read(blocks[0], _LARGEST_BLOCK)), file)
    return file


def _stem(name: str) -> str:
    return name.rpartition(".")[0]


def _check_entries(archive: Archive, manifest: bytes) -> None:
    sections: dict[str, Section] = {}
    for section in _parse(manifest)[1:]:
        name = section.get("name")
        if name is None or name in sections:
            raise MisfitError(f"has a manifest with two sections of {name!a}")
        sections[name] = section
    files = sorted(name for name in archive.entries if not name.endswith("/"))
    for name, entry in archive.entries.items():
        if name == MANIFEST or _OF_SIGNATURE.fullmatch(name):
            continue
        if name.endswith("/") and not entry.size and _has_file_in(name, files):
            for _ in archive.pieces(entry):
                pass  # there is nothing behind what says that it is empty
            continue
        if not _check_digests(sections.pop(name, {}), "-digest", archive.pieces(entry)):
            raise MisfitError(
                f"has an entry {name!a} that was added or changed after it was signed"
            )
    for name, section in sections.items():
        if any(attribute.endswith("-digest") for attribute in section):
            raise MisfitError(f"lacks the entry {name!a}, which was signed")


def _has_file_in(directory: str, files: list[str]) -> bool:
    """`files`: sorted. Nobody signs directories: those alone may be there that files are in."""
    place = bisect_left(files, directory)
    return place < len(files) and files[place].startswith(directory)


def _check_digests(section: Section, suffix: str, pieces: "Iterator[bytes] | list[bytes]") -> bool:
    """Whether there is a digest of SHA-2, and all there are fit."""
    wanted = {}
    for java, name in _HASHES.items():
        if (value := section.get(f"{java.lower()}{suffix}")) is not None:
            wanted[name] = _octets(value)
    if not wanted:
        return False  # before anything is inflated
    hashed = [hashlib.new(name) for name in wanted]
    for piece in pieces:
        for each in hashed:
            each.update(piece)
    return [each.digest() for each in hashed] == list(wanted.values())


def _octets(text: str) -> bytes | None:
    try:
        return from_base64(text)
    except ValueError:
        return None


def _parse(octets: bytes) -> list[Section]:
    """The main section and the others, as the JAR File Specification has them.

    Raises:
        MisfitError: it is not written like that.
    """
    try:
        text = octets.decode()
    except UnicodeDecodeError:
        raise MisfitError("has a manifest that is not UTF-8") from None
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\n ", "")
    sections: list[Section] = []
    for block in re.split(r"\n\n+", text.strip("\n")):
        section: Section = {}
        for line in block.split("\n"):
            name, colon, value = line.partition(": ")
            key = name.lower()
            if not colon or not re.fullmatch("[a-zA-Z0-9_-]+", name) or key in section:
                raise MisfitError("has a manifest that could be read in two ways")
            section[key] = value
        sections.append(section)
    return sections
