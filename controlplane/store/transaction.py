"""What is known within one transaction of one thread: the root that it began with, and what it has
changed since."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from threading import local

from msgspec import UNSET, UnsetType
from peewee import Database

from controlplane.domain.instant import to_text
from controlplane.domain.operation import Head
from controlplane.domain.tree import Growth, grow
from controlplane.store.dialect import ask, place
from controlplane.store.objects import families_of
from controlplane.store.state import (
    HEAD,
    READ_ROOT,
    Root,
    State,
    altered,
    read_root,
    root_of,
)

_SEAL = "UPDATE audit_head SET root = ?"
_GROW = "UPDATE audit_head SET size = ?, frontier = ?, link = ?"
_WRITTEN = READ_ROOT.replace(
    " FROM installation",
    ", (SELECT COUNT(*) FROM operations WHERE operations.sequence > ?"
    " AND operations.sequence <= ?) FROM installation",
)
_MOVE_EPOCH = "UPDATE installation SET epoch = ?"


class Transaction:
    """`state` None: nothing that is read is checked, and what is written proves nothing: so it is
    for who makes or reads a store without its master key."""

    def __init__(
        self,
        database: Database,
        state: State | None = None,
        root: Root | None = None,
        total: int = 0,
        *,
        is_write: bool = False,
    ) -> None:
        self._database = database
        self._is_write = is_write
        self._state = state
        self._root = root
        self._began = root
        self._began_with = 0 if root is None else root.changed
        self._total = total
        self._unsaid: dict[str, bytes | None] = {}  # which no row lists yet
        self._changes: dict[str, bytes | None] = {}
        self._uses: Counter[str] = Counter()
        self._sealed = True
        self._growth: Growth | None = None

    @property
    def root(self) -> Root:
        if self._root is None:
            self._root = read_root(self._database)
        return self._root

    @property
    def is_checked(self) -> bool:
        return self._state is not None

    def adopt(self, state: State, objects: Mapping[str, bytes], uses: Mapping[str, int]) -> None:
        """From here on the state is this; what there is was put there by who calls. `state` is
        empty, and so is the root."""
        self._state = state
        self._unsaid, self._changes, self._uses = {}, {}, Counter(uses)
        self._total = state.weigh_uses(uses)
        self._root = replace(self.root, used=sum(uses.values()))
        self.put(objects)

    def hash_of(self, name: str) -> bytes | None:
        if name in self._changes:
            return self._changes[name]
        return None if self._state is None else self._state.hash_of(name, self._began_with)

    def check(self, name: str, hash_: bytes) -> None:
        """Raises Altered."""
        state = self._state
        if state is None:
            return
        if name not in self._changes and state.is_current(name, hash_):
            return
        if self.hash_of(name) != hash_:
            raise altered(name)

    def check_absent(self, name: str) -> None:
        """Raises Altered where there should be an object of this name."""
        if self._state is not None and self.hash_of(name) is not None:
            raise altered(name)

    def check_family(self, family: str, found: set[str]) -> None:
        """That these names are all that there are. Raises Altered."""
        if self._state is None:
            return
        names = self._state.family(family, self._began_with)
        for name, hash_ in self._changes.items():
            if family in families_of(name):
                (names.discard if hash_ is None else names.add)(name)
        for name in sorted(names ^ found):
            raise altered(name)

    def check_used(self, grant_id: str, used: int | None) -> None:
        """Raises Altered. A read may be behind what is known by now: then no more can be used than
        that."""
        if self._state is None:
            return
        known = self._state.used(grant_id) + self._uses[grant_id]
        is_behind = not self._is_write and not self._state.knows(self.root)
        if used != known and not (is_behind and used is not None and used < known):
            raise altered(f"grants/{grant_id}")

    def put(self, objects: Mapping[str, bytes | None]) -> None:
        """They are being written, or deleted (None)."""
        for name, hash_ in objects.items():
            before = self.hash_of(name)
            if before != hash_:
                self._unsaid[name] = hash_
                self._changes[name] = hash_
                if self._state is not None:
                    self._total += self._state.weigh({name: before}, {name: hash_})

    def say_changes(self) -> Mapping[str, str | None] | UnsetType:
        """For the row that lists them."""
        unsaid, self._unsaid = self._unsaid, {}
        if self._state is None or not unsaid:
            return UNSET
        return {name: None if each is None else each.hex() for name, each in unsaid.items()}

    def use_up(self, uses: Mapping[str, int]) -> None:
        if self._state is not None:
            self._total += self._state.weigh_uses(uses)
        self._uses.update(uses)
        self._root = replace(self.root, used=self.root.used + sum(uses.values()))

    def follow(self, head: Head, row_hashes: Iterable[str], changed: int | None) -> Root:
        """Rows were appended, up to this head; the root to be written with it. `changed`: the last
        of them that lists objects."""
        root = self.root
        if root.has_tree:
            self._growth = grow(root.size, root.frontier, row_hashes)
            root = replace(root, size=self._growth.size, frontier=self._growth.frontier)
        self._root = replace(
            root,
            sequence=head.sequence,
            row_hash=head.row_hash,
            at=None if head.at is None else to_text(head.at),
            changed=root.changed if changed is None else changed,
            tag=None,
        )
        return self._seal()

    @property
    def growth(self) -> Growth | None:
        """What the rows that were appended last made of the tree; None while it lacks rows."""
        return self._growth

    def grow(self, row_hashes: Iterable[str]) -> Growth:
        """The tree of a log from before there was one takes in the rows that it lacks, in order, or
        the next of them. Moves the epoch: whoever remembers the root looks again."""
        root = self.root
        growth = grow(root.size, root.frontier, row_hashes)
        is_whole = growth.size == root.sequence
        self._root = replace(
            root,
            size=growth.size,
            frontier=growth.frontier,
            link=b"" if is_whole else root.link,
        )
        values = (growth.size, growth.frontier, self._root.link)
        ask(self._database, place(self._database, _GROW), values)
        self.move_epoch()
        return growth

    def latest(self, at: datetime) -> datetime:
        """This time, or that of the last row, if that is later: in rows it never runs backwards."""
        before = self.root.head.at
        return at if before is None or before < at else before

    def move_epoch(self) -> None:
        self._root = replace(self.root, epoch=self.root.epoch + 1)
        ask(self._database, place(self._database, _MOVE_EPOCH), (self._root.epoch,))
        self._sealed = False

    def begin_instance(self, instance: str) -> None:
        """The row says it too."""
        self._root = replace(self.root, instance=instance)
        self._sealed = False

    def finish(self) -> None:
        """Right before a write is committed."""
        if self._unsaid and self._state is not None:
            raise RuntimeError(f"no row says that these changed: {sorted(self._unsaid)}")
        if not self._sealed:
            ask(self._database, place(self._database, _SEAL), (self._seal().tag,))
        if self._state is not None and self._root is not None and self._root != self._began:
            self._look_again(self._root)

    def _look_again(self, meant: Root) -> None:
        """That the head and the rows are there: a trigger of somebody else's may have swallowed
        them, and a signature would go out without its row."""
        first = 0 if self._began is None else self._began.sequence
        statement = place(self._database, _WRITTEN)
        *found, rows = ask(self._database, statement, (first, meant.sequence)).fetchone()
        if root_of(found) != meant or rows != meant.sequence - first:
            raise altered(HEAD)

    def committed(self) -> None:
        if self._state is not None and self._root is not None:
            self._state.advance(self._root, self._total, self._changes, self._uses)

    def _seal(self) -> Root:
        self._sealed = True
        if self._state is not None:
            self._total %= 2**256
            self._root = self._state.next_root(self.root, self._total)
        return self.root


class Transactions(local):
    """Which one each thread is in."""

    current: Transaction | None = None


class Transactional:
    """Of a database: knows the transaction of the thread that asks."""

    transactions: Transactions

    @contextmanager
    def within(self, transaction: Transaction) -> Iterator[None]:
        self.transactions.current = transaction
        try:
            yield
        finally:
            self.transactions.current = None


def transaction_of(database: Database) -> Transaction:
    """That this thread is in."""
    transaction = database.transactions.current if isinstance(database, Transactional) else None
    if transaction is None:
        raise RuntimeError("outside of a transaction")
    return transaction
