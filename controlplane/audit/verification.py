"""Checking the chain of an exported log; trusts nothing but the rows themselves."""

import json
from base64 import b64decode, b64encode
from collections.abc import Iterable
from dataclasses import dataclass

import msgspec

from controlplane.audit.hashing import FIRST_LINES, NEWEST, hash_row
from controlplane.audit.row import (
    API_KEY,
    APPROVING,
    BESIDE,
    Approval,
    Row1,
    Row2,
    canonical_bytes_1,
    canonical_bytes_2,
    encode_as_listed,
    is_committed,
)

_FIRST_HASH = "0" * 64
_ROW_HASH = "row_hash"
_WHITE_SPACE = b" \t\r\n"  # of JSON


@dataclass(frozen=True, slots=True)
class Verification:
    """`first_bad_sequence`: where the first row stands, or should, that breaks the chain.
    `head`: the hash of the last row, 64 zeros for an empty log. `missing`: the expected heads that
    the log does not hold; then it is not intact, and goes bad after its last row at the latest.
    `newer`: where the first row stands that says it is of a version not known here, and so cannot
    be checked."""

    rows: int
    intact: bool
    first_bad_sequence: int | None
    head: str
    missing: tuple[str, ...] = ()
    newer: int | None = None


def verify_lines(lines: Iterable[bytes], *expected: str) -> Verification:
    """`lines`: the export, a JSON object a line, in sequence order from 1; in memory that grows
    with the number of approvals alone. An approval that a row names must stand in one before.

    `expected`: heads that were noted elsewhere, while the log was that long. A log that lost its
    last rows, or that was written anew, is sound in itself: only such a head shows it.
    """
    rows, first_bad, newer, head = 0, None, None, _FIRST_HASH
    approving: set[Approval] = set()
    missing = dict.fromkeys(expected)
    missing.pop(head, None)
    for line in lines:
        line = line.strip(_WHITE_SPACE)
        if not line:
            continue
        rows += 1
        row = _follow_export(line, rows, head) or _follow(line, rows, head)
        if row is None:
            first_bad = first_bad or rows
            read = _parse(line)
            if newer is None and _is_newer(read.get("version")):
                newer = rows
            head = str(read.get(_ROW_HASH, head))
        else:
            head = row.row_hash
            if row.action in APPROVING and row.actor is not None:
                approving.add(Approval(row.actor, head, rows))
            if not isinstance(row, Row1) and row.approvals and not approving >= {*row.approvals}:
                first_bad = first_bad or rows
        if head in missing:
            del missing[head]
    if missing:
        first_bad = first_bad or rows + 1
    return Verification(rows, first_bad is None, first_bad, head, tuple(missing), newer)


def _is_newer(version: object) -> bool:
    return isinstance(version, int) and version > NEWEST


class _Told(msgspec.Struct):
    """Of a row in whatever spelling."""

    row_hash: str
    action: str | None
    actor: str | None
    approvals: list[Approval] | None = None


def _follow(line: bytes, sequence: int, previous_hash: str) -> _Told | None:
    """None if it is not the row that follows."""
    row = _parse(line)
    canonical = _canonical_bytes(row)
    row_hash = row.get(_ROW_HASH)
    follows = (
        canonical is not None
        and row.get("sequence") == sequence
        and row.get("previous_hash") == previous_hash
        and row_hash == hash_row(canonical)
    )
    try:
        return msgspec.convert(row, _Told) if follows else None
    except msgspec.ValidationError:
        return None


def _canonical_bytes(row: dict[str, object]) -> bytes | None:
    """None if there is none: the version is not known, or the row is not what it commits to."""
    if "version" not in row:
        return FIRST_LINES[1] + _encode({k: v for k, v in row.items() if k != _ROW_HASH})
    if row["version"] != 2 or not _shows_what_it_commits_to(row):
        return None
    hashed = {name: value for name, value in row.items() if name not in BESIDE}
    credential = row.get("credential")
    if isinstance(credential, dict):
        hashed["credential"] = {k: v for k, v in credential.items() if k != "id"}
    return FIRST_LINES[2] + _encode(hashed)


def _shows_what_it_commits_to(row: dict[str, object]) -> bool:
    """What is left out is not shown, and the rest still holds; null says that there is nothing."""
    shown: dict[str, object] = {
        name: row[name] for name in ("client", "idempotency_key") if name in row
    }
    credential = row.get("credential")
    of = credential if isinstance(credential, dict) else {"kind": None, "id": None}
    if "id" in of:
        shown["credential_id"] = of["id"]
    if "api_key_id" in row:
        key_id = of.get("id") if of.get("kind") == API_KEY else None
        is_hidden = of.get("kind") == API_KEY and "id" not in of
        if is_hidden or row["api_key_id"] != key_id:
            return False
    return all(
        is_committed(value, _read_salt(row.get(f"{name}_salt")), row.get(f"{name}_hash"), _encode)
        for name, value in shown.items()
    )


def _read_salt(text: object) -> bytes | None:
    """No octets of what is not base64, or not in its one spelling."""
    if text is None:
        return None
    try:
        octets = b64decode(str(text), validate=True)
    except ValueError:
        return b""
    return octets if b64encode(octets).decode() == text else b""


def _follow_export(line: bytes, sequence: int, previous_hash: str) -> Row1 | Row2 | None:
    """The same in a third of the time for a row as the server exports it, to the letter; None for
    any other: it has a member twice, other escapes, or white space."""
    row: Row1 | Row2
    try:
        row = _decode_1(line) if line.startswith(_FIRST_OF_1) else _decode_2(line)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
    if row.sequence != sequence or row.previous_hash != previous_hash:
        return None
    if isinstance(row, Row1):
        canonical = canonical_bytes_1(row) if _encode_as_declared(row) == line else None
    elif row.version == 2 and encode_as_listed(row) == line:
        canonical = canonical_bytes_2(row, line)
    else:
        return None
    if canonical is None or hash_row(canonical) != row.row_hash:
        return None
    return row


_FIRST_OF_1 = b'{"sequence":'
_encode_as_declared = msgspec.json.Encoder().encode
_decode_1 = msgspec.json.Decoder(Row1).decode
_decode_2 = msgspec.json.Decoder(Row2).decode


def _encode(value: object) -> bytes:
    text = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return text.encode("utf-8", "surrogatepass")


def _parse(line: bytes) -> dict[str, object]:
    """An empty object, which no chain holds, for what is not one JSON object."""
    try:
        row = json.loads(line, object_pairs_hook=_once)
    except (ValueError, RecursionError):
        return {}
    return row if isinstance(row, dict) else {}


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """A key given twice would be read one way here and another way elsewhere."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key is given twice")
    return found
