"""Checking the chain of an exported log; trusts nothing but the rows themselves."""

import json
from base64 import b64decode, b64encode
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

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
from controlplane.domain.tree import Cover

_FIRST_HASH = "0" * 64
_ROW_HASH = "row_hash"
_WHITE_SPACE = b" \t\r\n"  # of JSON


@dataclass(frozen=True, slots=True)
class Verification:
    """`rows`: those that were checked; `first_bad_sequence`: where the first row stands, or should,
    that breaks the chain. `head`: the hash of the last row, 64 zeros for an empty log. `missing`:
    the expected heads that the log does not hold; then it is not intact, and goes bad after its
    last row at the latest. `newer`: where the first row stands that says it is of a version not
    known here, and so cannot be checked. `since`: the number of the row that the first one
    follows, which stands for all before it; `earlier`: how many approvals before it were taken as
    they are named. `roots`: of the log's tree at each size that was asked for; none of a size that
    the log does not have, nor of any where its rows are not sound."""

    rows: int
    intact: bool
    first_bad_sequence: int | None
    head: str
    missing: tuple[str, ...] = ()
    newer: int | None = None
    since: int | None = None
    earlier: int = 0
    roots: Mapping[int, bytes] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Place:
    """Between two rows: the number and the hash of the one before."""

    sequence: int
    row_hash: str


START = Place(0, _FIRST_HASH)


@dataclass(frozen=True, slots=True)
class Stretch:
    """Rows that follow one another without a fault, if they stand where they say: between two
    places. `earlier`: approvals that they name and that stand before them, if they do, with the
    first row to name each. `approving`: those that stand in them. `found`: of the expected heads.
    `tree`: what they are in the log's tree.
    """

    begin: Place
    end: Place
    approving: set[Approval]
    earlier: dict[Approval, int]
    found: list[str]
    tree: Cover


class Walk:
    """Along a log, in memory that grows with the number of approvals alone."""

    def __init__(
        self,
        expected: Iterable[str] = (),
        begin: Place = START,
        tree_sizes: Collection[int] = (),
    ) -> None:
        """`tree_sizes`: at which the root of the log's tree is to be known at the end."""
        self._begin = begin
        self._tree_sizes, self._tree = tree_sizes, Cover(tree_sizes)
        self._largest_tree = max(tree_sizes, default=0)
        self._rows, self._head = begin.sequence, begin.row_hash
        self._first_bad: int | None = None
        self._newer: int | None = None
        self._approving: set[Approval] = set()
        self._earlier: dict[Approval, int] = {}
        self._missing = dict.fromkeys(expected)
        self._found: list[str] = []
        self._find(self._head)

    @property
    def is_sound(self) -> bool:
        """So far."""
        return self._first_bad is None

    def follow(self, line: bytes) -> None:
        line = line.strip(_WHITE_SPACE)
        if not line:
            return
        self._rows += 1
        row = _follow_export(line, self._rows, self._head) or _follow(line, self._rows, self._head)
        if row is None:
            self._spoilt(self._rows)
            read = _parse(line)
            if self._newer is None and _is_newer(read.get("version")):
                self._newer = self._rows
            self._head = str(read.get(_ROW_HASH, self._head))
        else:
            self._head = row.row_hash
            if self._rows <= self._largest_tree:
                self._tree.add_leaf(self._rows - 1, row.row_hash)
            if row.action in APPROVING and row.actor is not None:
                self._approving.add(Approval(row.actor, row.row_hash, self._rows))
            if not isinstance(row, Row1) and row.approvals:
                self._look_up(dict.fromkeys(row.approvals, self._rows))
        self._find(self._head)

    def join(self, stretch: Stretch) -> bool:
        """Goes along it, as if row by row; not at all if it does not begin here."""
        if stretch.begin != Place(self._rows, self._head):
            return False
        self._look_up(stretch.earlier)
        self._approving |= stretch.approving
        self._tree.join(stretch.tree)
        self._rows, self._head = stretch.end.sequence, stretch.end.row_hash
        for head in stretch.found:
            self._find(head)
        return True

    def stretch(self) -> Stretch:
        """What was walked, which was sound."""
        end = Place(self._rows, self._head)
        return Stretch(self._begin, end, self._approving, self._earlier, self._found, self._tree)

    def end(self) -> Verification:
        if self._missing:
            self._spoilt(self._rows + 1)
        has_tree = self.is_sound and self._begin == START
        sizes = [size for size in self._tree_sizes if has_tree and size <= self._rows]
        return Verification(
            self._rows - self._begin.sequence,
            self.is_sound,
            self._first_bad,
            self._head,
            tuple(self._missing),
            self._newer,
            earlier=len(self._earlier),
            roots={size: self._tree.root_at(size) for size in sizes},
        )

    def _look_up(self, named: dict[Approval, int]) -> None:
        """`named`: with the first row to name each. Those before the beginning were not seen."""
        for each, row in named.items():
            if each in self._approving or each in self._earlier:
                continue
            if 0 < each.sequence <= self._begin.sequence:
                self._earlier[each] = row
            elif self._first_bad is None or row < self._first_bad:
                self._first_bad = row

    def _spoilt(self, row: int) -> None:
        if self._first_bad is None:
            self._first_bad = row

    def _find(self, head: str) -> None:
        if head in self._missing:
            del self._missing[head]
            self._found.append(head)


def verify_lines(
    lines: Iterable[bytes], *expected: str, tree_sizes: Collection[int] = ()
) -> Verification:
    """`lines`: the export, a JSON object a line, in sequence order from 1. An approval that a row
    names must stand in one before.

    `expected`: heads that were noted elsewhere, while the log was that long. A log that lost its
    last rows, or that was written anew, is sound in itself: only such a head shows it.
    """
    walk = Walk(expected, tree_sizes=tree_sizes)
    for line in lines:
        walk.follow(line)
    return walk.end()


def place_of(line: bytes) -> Place | None:
    """Where a row says that it stands: after this one. None if it does not say."""
    row = _parse(line)
    sequence, previous_hash = row.get("sequence"), row.get("previous_hash")
    if not isinstance(sequence, int) or not isinstance(previous_hash, str) or sequence < 1:
        return None
    return Place(sequence - 1, previous_hash)


def hash_of(line: bytes) -> object:
    """The hash that a row says it has."""
    return _parse(line).get(_ROW_HASH)


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
