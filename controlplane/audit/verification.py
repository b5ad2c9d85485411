"""Checking the chain of an exported log; trusts nothing but the rows themselves."""

import json
from collections.abc import Iterable
from dataclasses import dataclass

import msgspec

from controlplane.audit.hashing import PREFIX, hash_row

_FIRST_HASH = "0" * 64
_ROW_HASH = "row_hash"
_WHITE_SPACE = b" \t\r\n"  # of JSON


@dataclass(frozen=True, slots=True)
class Verification:
    """`first_bad_sequence`: where the first row stands, or should, that breaks the chain.
    `head`: the hash of the last row, 64 zeros for an empty log. `missing`: the expected heads that
    the log does not hold; then it is not intact, and goes bad after its last row at the latest."""

    rows: int
    intact: bool
    first_bad_sequence: int | None
    head: str
    missing: tuple[str, ...] = ()


def verify_lines(lines: Iterable[bytes], *expected: str) -> Verification:
    """`lines`: the export, a JSON object a line, in sequence order from 1; in bounded memory.

    `expected`: heads that were noted elsewhere, while the log was that long. A log that lost its
    last rows, or that was written anew, is sound in itself: only such a head shows it.
    """
    rows, first_bad, head = 0, None, _FIRST_HASH
    missing = dict.fromkeys(expected)
    missing.pop(head, None)
    for line in lines:
        line = line.strip(_WHITE_SPACE)
        if not line:
            continue
        rows += 1
        following = _follow_export(line, rows, head) or _follow(line, rows, head)
        if following is None:
            first_bad = first_bad or rows
            following = str(_parse(line).get(_ROW_HASH, head))
        head = following
        if head in missing:
            del missing[head]
    if missing:
        first_bad = first_bad or rows + 1
    return Verification(rows, first_bad is None, first_bad, head, tuple(missing))


def _follow(line: bytes, sequence: int, previous_hash: str) -> str | None:
    """The row's hash; None if it is not the row that follows."""
    row = _parse(line)
    content = {name: value for name, value in row.items() if name != _ROW_HASH}
    row_hash = row.get(_ROW_HASH)
    follows = (
        row.get("sequence") == sequence
        and row.get("previous_hash") == previous_hash
        and row_hash == hash_row(PREFIX + _canonical(content))
    )
    return str(row_hash) if follows else None


def _follow_export(line: bytes, sequence: int, previous_hash: str) -> str | None:
    """The same in a third of the time for a row as the server exports it; None for any other.

    Sorting its members must not change its length. Since nothing can be written shorter than
    they are (the one number that could be is compared to the letter), a line of that length has
    no member twice, no other escapes and no white space: it says what the sorted one says.
    """
    if not line.startswith(b'{"sequence":%d,' % sequence):
        return None
    try:
        row = _decode_exported(line)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
    if row.details is not None or row.previous_hash != previous_hash:
        return None
    whole = _encode_sorted(row)
    if len(whole) != len(line):
        return None
    # With no details there is one place only where this can stand: within a text, quotes are
    # escaped.
    canonical = whole.replace(b'"row_hash":"%s",' % row.row_hash.encode(), b"", 1)
    return row.row_hash if hash_row(PREFIX + canonical) == row.row_hash else None


class _Pss(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    mgf_hash: str
    salt_length: int


class _Client(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    address: str | None
    tool: str | None
    command: str | None
    hostname: str | None
    os_user: str | None
    application_sha256: str | None
    module_version: str | None


class _Exported(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """A row with nothing read into its texts."""

    sequence: int
    id: str
    created_at: str
    kind: str
    signer: str | None
    actor: str | None
    api_key_id: str | None
    outcome: str | None
    reason: str | None
    scheme: str | None
    hash: str | None
    digest: str | None
    pss: _Pss | None
    ecdsa_encoding: str | None
    grant_id: str | None
    certificate_serial: str | None
    client: _Client | None
    signature: str | None
    action: str | None
    object: str | None
    details: dict[str, str | int | bool | None] | None
    idempotency_key: str | None
    previous_hash: str
    row_hash: str


_decode_exported = msgspec.json.Decoder(_Exported).decode
_encode_sorted = msgspec.json.Encoder(order="sorted").encode


def _canonical(content: dict[str, object]) -> bytes:
    text = json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
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
