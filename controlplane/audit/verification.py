"""Checking the chain of an exported log; trusts nothing but the rows themselves."""

import json
from collections.abc import Iterable
from dataclasses import dataclass

from controlplane.audit.row import PREFIX, hash_row

_FIRST_HASH = "0" * 64
_ROW_HASH = "row_hash"


@dataclass(frozen=True, slots=True)
class Verification:
    """`first_bad_sequence`: where the first row stands, or should, that breaks the chain.
    `head`: the hash of the last row, 64 zeros for an empty log."""

    rows: int
    intact: bool
    first_bad_sequence: int | None
    head: str


def verify_lines(lines: Iterable[bytes]) -> Verification:
    """`lines`: the export, a JSON object a line, in sequence order from 1; in bounded memory.

    A log that lost its last rows is intact as far as it goes: compare `head` with one that was
    noted elsewhere.
    """
    rows, first_bad, head = 0, None, _FIRST_HASH
    for line in lines:
        if not line.strip():
            continue
        rows += 1
        row = _parse(line)
        if first_bad is None and not _follows(row, rows, head):
            first_bad = rows
        head = str(row.get(_ROW_HASH, head))
    return Verification(rows, first_bad is None, first_bad, head)


def _follows(row: dict[str, object], sequence: int, previous_hash: str) -> bool:
    content = {name: value for name, value in row.items() if name != _ROW_HASH}
    return (
        row.get("sequence") == sequence
        and row.get("previous_hash") == previous_hash
        and row.get(_ROW_HASH) == hash_row(PREFIX + _canonical(content))
    )


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
