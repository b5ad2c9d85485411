"""What a process knows of the state: which objects there are, by their hashes, and how much of each
grant is used. It rests on no row of the store, but on the root, which the head of the log carries.

The root is tagged under a key that the store has not. It covers a sum over all objects, which is
written nowhere: whoever keeps it is told by the log what changed, and sees by the tag whether that
was all, and true. So neither can an object be changed, nor an old one come back with what was once
said of it; and to follow a change costs the same however many objects there are.

The sum: of each object a number of 256 bits, which nobody knows without the key, modulo 2^256
(a multiset hash by addition: Clarke and others, Asiacrypt 2003).
"""

import hmac
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import blake2b
from threading import Lock
from typing import Any

import msgspec
import structlog
from peewee import Database

from controlplane.domain.instant import from_text
from controlplane.domain.operation import Head
from controlplane.domain.tree import grow
from controlplane.errors import Altered, Code, Refused
from controlplane.store.dialect import place, readable
from controlplane.store.furthest import Mark
from controlplane.store.migrations import refuse_newer
from controlplane.store.objects import Found, families_of, scan

_MODULUS = 2**256
_REMEMBERED = 512  # changes that reads which began before them can look back over
_log = structlog.get_logger()

HEAD = "audit_head"
"""What is altered where nothing proves which objects are: the head of the log, or rows of it."""
READ_ROOT = (
    "SELECT instance, epoch, sequence, row_hash, at, changed, used, link, size, frontier, root,"
    " (SELECT version FROM schema_version ORDER BY version DESC LIMIT 1) AS newest"
    " FROM installation CROSS JOIN audit_head"
)
"""With the schema: a newer server may bring the store up to date while this one runs."""
_CHANGES = (
    "SELECT objects FROM operations WHERE objects IS NOT NULL AND sequence > ? AND sequence <= ?"
    " ORDER BY sequence"
)
_ROW_HASHES = (
    "SELECT row_hash FROM operations WHERE sequence > ? AND sequence <= ? ORDER BY sequence"
)
_USES = (
    "SELECT grant_id, COUNT(*) FROM operations WHERE sequence > ? AND sequence <= ?"
    " AND grant_id IS NOT NULL AND outcome = 'succeeded' GROUP BY grant_id"
)

Objects = Mapping[str, bytes | None]
"""Hashes by name; None: it is gone."""


def altered(what: str) -> Altered:
    """To be raised; the log hears of it."""
    _log.error("state_altered", object=what)
    return Altered(what)


class Overtaken(Exception):  # noqa: N818  # no error: look again
    """The state went on while a transaction began."""


@dataclass(frozen=True, slots=True)
class Root:
    """What the head says. `at`: of the last row, as text. `changed`: the last row that changed an
    object. `used`: signings under grants, ever. `frontier`: of the Merkle tree over the first
    `size` rows, so that who knows an earlier one can tell that this one follows it. `link`: what
    told that before there was a tree; stays until the tree has all rows. `tag`: over all of this
    and the sum; None in a store that has none yet."""

    instance: str
    epoch: int
    sequence: int
    row_hash: str
    at: str | None
    changed: int
    used: int
    link: bytes
    size: int
    frontier: bytes
    tag: bytes | None

    @property
    def has_tree(self) -> bool:
        """Over all rows."""
        return self.size == self.sequence

    @property
    def head(self) -> Head:
        return Head(self.sequence, self.row_hash, None if self.at is None else from_text(self.at))


def root_of(row: Iterable[Any]) -> Root:
    """Of a row of READ_ROOT. Refused store_too_new."""
    instance, epoch, sequence, row_hash, at, changed, used, link, size, frontier, tag, newest = row
    refuse_newer(newest or 0)
    return Root(
        *(instance, epoch, sequence, row_hash, at, changed, used, bytes(link or b"")),
        *(size, bytes(frontier or b""), None if tag is None else bytes(tag)),
    )


class Weights:
    """What is summed, and the tag over it."""

    def __init__(self, key: bytes) -> None:
        """`key`: 32 octets, for nothing else."""
        self._key = key
        self._tag_key = blake2b(b"root", key=key, digest_size=32).digest()

    def of_object(self, name: str, hash_: bytes | None) -> int:
        return 0 if hash_ is None else self._number(b"object", name, hash_)

    def of_uses(self, grant_id: str, used: int) -> int:
        return 0 if used == 0 else self._number(b"used", grant_id, used.to_bytes(8))

    def tag(self, root: Root, total: int) -> bytes:
        said = [root.instance, root.epoch, root.sequence, root.row_hash, root.at, root.changed]
        said += [root.used, root.link.hex(), total.to_bytes(32).hex()]
        if root.size:
            said += [root.size, root.frontier.hex()]
        octets = msgspec.json.encode(said)
        return hmac.digest(self._tag_key, octets, "sha256")

    def _number(self, what: bytes, name: str, value: bytes) -> int:
        octets = b"%b\0%b\0%b" % (what, name.encode("utf-8", "surrogatepass"), value)
        return int.from_bytes(blake2b(octets, key=self._key, digest_size=32).digest())


class State:
    """Of one process; its threads share it."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._weights = Weights(key)
        self._lock = Lock()
        self._hashes: dict[str, bytes] = {}
        self._used: dict[str, int] = {}
        self._families: dict[str, set[str]] = {}
        self._total = 0
        self._root: Root | None = None
        self._last_row_at: datetime | None = None
        self._past: deque[tuple[int, dict[str, bytes | None]]] = deque(maxlen=_REMEMBERED)
        self._refused: Root | None = None  # that was looked at, and nothing fits
        self._since = 0  # what was before this change is not remembered

    @property
    def seen(self) -> tuple[int, int]:
        """The last row that is known of, and the epoch."""
        root = self._root
        return (0, 0) if root is None else (root.sequence, root.epoch)

    @property
    def last_row_at(self) -> datetime | None:
        """The time of the last row that is known of; None: there is none."""
        return self._last_row_at

    def load(self, database: Database, root: Root) -> list[str]:
        """From the store itself; the names of objects that are not as they were left. Raises
        Altered where nothing fits the root."""
        with self._lock:
            self._take(scan(database))
            if root.tag is not None and self._fits(root):
                self._settle(root)
                return []
            self._follow_log(database, root)
        strange = self.strange(scan(database))
        for name in strange:
            _log.error("state_altered", object=name)
        return strange

    def anew(self) -> "State":
        """One that knows nothing yet."""
        return State(self._key)

    def follow_log(self, database: Database, root: Root) -> None:
        """From the log alone. Raises Altered where it does not fit the root."""
        with self._lock:
            self._follow_log(database, root)

    def strange(self, there: Iterable[Found]) -> list[str]:
        """In order: the names of those that are changed, slipped in, or missing."""
        with self._lock:
            return _strange(there, self._hashes, self._used)

    def objects(self) -> dict[str, bytes]:
        with self._lock:
            return dict(self._hashes)

    def last(self) -> tuple[Root, int]:
        """The last root that was proven, and the sum that it is of."""
        with self._lock:
            if self._root is None:
                raise AssertionError("a state is loaded before it is used")
            return self._root, self._total

    def knows(self, root: Root) -> bool:
        """Whether this is the last one that was proven."""
        return self._root == root

    def enter(self, database: Database, root: Root, floor: Mark) -> int:
        """A transaction begins with this root, which is proven; the sum over what it has. `floor`:
        what was seen before it began, by any process of the server. Raises Altered, Overtaken;
        Refused store_rolled_back."""
        found = (root.sequence, root.epoch)
        with self._lock:
            known = self._root
            if known is None:
                raise AssertionError("a state is loaded before it is used")
            if found < floor:
                raise _rolled_back(known, root, floor[0])
            if known == root:
                return self._total
            if found == (known.sequence, known.epoch):
                raise _rolled_back(known, root)
            if found < (known.sequence, known.epoch):
                raise Overtaken
            self._catch_up(database, known, root)
            return self._total

    def next_root(self, root: Root, total: int) -> Root:
        return replace(root, tag=self._weights.tag(root, total))

    def weigh(self, before: Objects, after: Objects) -> int:
        """How much the sum grows."""
        weight = self._weights.of_object
        return sum(
            weight(name, hash_) - weight(name, before[name]) for name, hash_ in after.items()
        )

    def weigh_uses(self, uses: Mapping[str, int]) -> int:
        """The same, of so many more signings by grant; within a write."""
        weight, used = self._weights.of_uses, self._used
        return sum(
            weight(grant, used.get(grant, 0) + more) - weight(grant, used.get(grant, 0))
            for grant, more in uses.items()
        )

    def advance(self, root: Root, total: int, changes: Objects, uses: Mapping[str, int]) -> None:
        """A transaction of this process was committed."""
        with self._lock:
            known = self._root
            if known is not None and (root.sequence, root.epoch) <= (known.sequence, known.epoch):
                return  # another thread saw it first
            self._apply(changes, root.changed)
            self._use(uses)
            self._total = total % _MODULUS
            self._settle(root)

    def hash_of(self, name: str, changed: int) -> bytes | None:
        """As of this change."""
        with self._lock:
            for _, before in self._since_then(changed):
                if name in before:
                    return before[name]
            return self._hashes.get(name)

    def is_current(self, name: str, hash_: bytes) -> bool:
        """As of the last change; waits for nobody."""
        return self._hashes.get(name) == hash_

    def family(self, of: str, changed: int) -> set[str]:
        """Names of those that are looked up together, as of this change."""
        with self._lock:
            names = set(self._families.get(of, ()))
            decided: set[str] = set()
            for _, before in self._since_then(changed):
                for name, hash_ in before.items():
                    if of in families_of(name) and name not in decided:
                        decided.add(name)
                        (names.discard if hash_ is None else names.add)(name)
            return names

    def used(self, grant_id: str) -> int:
        return self._used.get(grant_id, 0)

    def _since_then(self, changed: int) -> Iterable[tuple[int, dict[str, bytes | None]]]:
        """Oldest first."""
        root = self._root
        if root is None or root.changed <= changed:
            return ()
        if changed < self._since:
            title = "Too much has changed while this was read; try again."
            raise Refused(Code.STORE_UNAVAILABLE, title, retry_after=1)
        return [each for each in self._past if each[0] > changed]

    def _take(self, there: Iterable[Found]) -> None:
        self._hashes, self._used, self._families = {}, {}, {}
        self._total = 0
        self._past.clear()
        for each in there:
            if each.hash is not None:
                self._put(each.name, each.hash)
                self._total += self._weights.of_object(each.name, each.hash)
            if each.used:
                grant_id = each.name.partition("/")[2]
                self._used[grant_id] = each.used
                self._total += self._weights.of_uses(grant_id, each.used)
        self._total %= _MODULUS

    def _follow_log(self, database: Database, root: Root) -> None:
        hashes: dict[str, bytes] = {}
        is_read = True
        try:
            for objects in _changes(database, 0, root.sequence):
                for name, hash_ in objects.items():
                    if hash_ is None:
                        hashes.pop(name, None)
                    else:
                        hashes[name] = hash_
        except Altered:
            is_read = False
        used = dict(ask_uses(database, 0, root.sequence))
        self._hashes, self._used, self._families = {}, used, {}
        self._total = sum(self._weights.of_uses(grant, uses) for grant, uses in used.items())
        for name, hash_ in hashes.items():
            self._put(name, hash_)
            self._total += self._weights.of_object(name, hash_)
        self._total %= _MODULUS
        if not is_read or root.tag is None or not self._fits(root):
            raise altered(HEAD)
        self._past.clear()
        self._settle(root)

    def _fits(self, root: Root) -> bool:
        return hmac.compare_digest(root.tag or b"", self._weights.tag(root, self._total))

    def _catch_up(self, database: Database, known: Root, root: Root) -> None:
        if root.sequence != known.sequence and not _follows(database, known, root):
            raise _rolled_back(known, root)  # what was known is not what this goes on from
        changes: dict[str, bytes | None] = {}
        uses: dict[str, int] = {}
        try:
            if root.changed != known.changed:
                for objects in _changes(database, known.changed, root.changed):
                    changes |= objects
        except Altered:
            self._look_again(database, root)
            return
        if root.used != known.used:
            uses = dict(ask_uses(database, known.sequence, root.sequence))
        before = {name: self._hashes.get(name) for name in changes}
        total = self._total + self.weigh(before, changes) + self.weigh_uses(uses)
        total %= _MODULUS
        expected = self._weights.tag(root, total)
        if not hmac.compare_digest(root.tag or b"", expected):
            self._look_again(database, root)
            return
        self._apply(changes, root.changed)
        self._use(uses)
        self._total = total
        self._settle(root)

    def _look_again(self, database: Database, root: Root) -> None:
        """What the log says of the way to this root does not lead there. Perhaps somebody wrote to
        the log alone, and the objects themselves are what the root is of. Raises Altered."""
        if root == self._refused:
            raise altered(HEAD)
        known = (self._hashes, self._used, self._families, self._total, self._past.copy())
        self._take(scan(database))
        if not self._fits(root):
            self._hashes, self._used, self._families, self._total, self._past = known
            self._refused = root
            raise altered(HEAD)
        _log.error("state_altered", object="operations", sequence=root.sequence)
        self._settle(root)

    def _apply(self, changes: Objects, changed: int) -> None:
        if not changes:
            return
        if len(self._past) == _REMEMBERED:
            self._since = self._past[0][0]
        self._past.append((changed, {name: self._hashes.get(name) for name in changes}))
        for name, hash_ in changes.items():
            if hash_ is None:
                self._drop(name)
            else:
                self._put(name, hash_)

    def _use(self, uses: Mapping[str, int]) -> None:
        for grant_id, more in uses.items():
            self._used[grant_id] = self._used.get(grant_id, 0) + more

    def _put(self, name: str, hash_: bytes) -> None:
        self._hashes[name] = hash_
        for family in families_of(name):
            self._families.setdefault(family, set()).add(name)

    def _drop(self, name: str) -> None:
        self._hashes.pop(name, None)
        for family in families_of(name):
            left = self._families.get(family, set())
            left.discard(name)
            if not left:
                self._families.pop(family, None)

    def _settle(self, root: Root) -> None:
        if not self._past:
            self._since = root.changed
        self._root = root
        self._last_row_at = root.head.at


def _strange(
    there: Iterable[Found], hashes: Mapping[str, bytes], used: Mapping[str, int]
) -> list[str]:
    names: set[str] = set()
    seen: set[str] = set()
    for each in there:
        grant_id = each.name.partition("/")[2] if each.name.startswith("grants/") else None
        twice = each.name in seen
        seen.add(each.name)
        is_used = grant_id is None or used.get(grant_id, 0) == each.used
        if twice or each.hash is None or hashes.get(each.name) != each.hash or not is_used:
            names.add(each.name)
    return sorted(names | (set(hashes) - seen))


def read_root(database: Database) -> Root:
    cursor = database.execute_sql(READ_ROOT)  # type: ignore[no-untyped-call]
    return root_of(cursor.fetchone())


def ask_uses(database: Database, after: int, last: int) -> list[tuple[str, int]]:
    cursor = database.execute_sql(place(database, _USES), (after, last))  # type: ignore[no-untyped-call]
    return list(cursor.fetchall())


def _changes(database: Database, after: int, last: int) -> Iterable[dict[str, bytes | None]]:
    """Hints, until the sum over them fits a root."""
    cursor = database.execute_sql(place(database, _CHANGES), (after, last))  # type: ignore[no-untyped-call]
    try:
        for (text,) in readable(cursor):
            objects = msgspec.json.decode(text, type=dict[str, str | None])
            yield {
                name: None if hash_ is None else bytes.fromhex(hash_)
                for name, hash_ in objects.items()
            }
    except (msgspec.MsgspecError, ValueError, TypeError):
        raise altered(HEAD) from None


def row_hashes(database: Database, after: int, last: int) -> Iterator[str]:
    """In order, of the rows after this one, up to the last. Hints, as the changes. Raises
    ValueError where one is no text."""
    statement = place(database, _ROW_HASHES)
    cursor = database.execute_sql(statement, (after, last))  # type: ignore[no-untyped-call]
    return (str(row_hash) for (row_hash,) in readable(cursor))


def _follows(database: Database, known: Root, root: Root) -> bool:
    """Only a store whose tree has all rows is served."""
    if not (known.has_tree and root.has_tree):
        return False
    try:
        grown = grow(
            known.size, known.frontier, row_hashes(database, known.sequence, root.sequence)
        )
    except ValueError:
        return False
    return (grown.size, grown.frontier) == (root.size, root.frontier)


def _rolled_back(known: Root, root: Root, least: int = 0) -> Refused:
    """`least`: a row that another process of the server may have seen."""
    title = "The store has lost rows that this server has seen; its log has more."
    seen, found = (f"{each.sequence} ({each.row_hash})" for each in (known, root))
    if least > known.sequence:
        seen = str(least)
    cause = (
        f"The store ends at row {found}, which does not follow row {seen}, that this server saw."
    )
    _log.error("store_rolled_back", seen=seen, found=found)
    return Refused(Code.STORE_ROLLED_BACK, title, retry_after=30, cause=cause)
