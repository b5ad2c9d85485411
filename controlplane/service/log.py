"""The audit log, read from the store alone: nothing of it needs the master key."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from peewee import Database

from controlplane.domain.instant import Clock
from controlplane.domain.model import Identity
from controlplane.domain.operation import Head, Operation, OperationFilter, Unreadable
from controlplane.domain.page import Page, PageRequest
from controlplane.domain.report import Reported
from controlplane.domain.tree import HASH_OCTETS, root_of
from controlplane.errors import not_found
from controlplane.service import cursor
from controlplane.service.known_names import check_known
from controlplane.service.report import report
from controlplane.store import operations
from controlplane.store.database import Store, read_noted_head
from controlplane.store.state import read_root

_END = 2**62  # above every sequence number
_LOOKED_AT = 100_000  # rows in one transaction


@dataclass(frozen=True, slots=True)
class Report:
    """A page of one, and the end of the log when it was made."""

    page: Page[Reported]
    head: Head


@dataclass(frozen=True, slots=True)
class End:
    """Of the log, as the store says. `tree_root`: of the tree over all its rows, in hex; None where
    that is not whole, or not in its form."""

    sequence: int
    row_hash: str
    tree_root: str | None


class Log:
    """`seen_by`: only this identity's own rows and those of the signers that it may read; None:
    all. Lists are refused 404 signer_not_found, identity_not_found where there is nothing, and
    nothing tells of such a name."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def list(
        self, where: OperationFilter, page: PageRequest, seen_by: Identity | None
    ) -> Page[Operation]:
        """Newest first."""
        before = cursor.read_number(page, _END)
        with self._store.evidence() as database:
            now = self._clock()
            found, ended_early = operations.list_before(
                database, where, before, page.limit + 1, now, seen_by=seen_by
            )
            if not found:
                check_known(database, where, now, seen_by)
        listed = cursor.cut(found, page, lambda operation: operation.sequence)
        return replace(listed, is_last=listed.is_last and not ended_early)

    def report(self, where: OperationFilter, page: PageRequest, seen_by: Identity | None) -> Report:
        """Oldest first. Refused 500 state_altered where a row was changed so that it cannot be
        read."""
        after = cursor.read_number(page, 0)
        with self._store.evidence() as database:
            now = self._clock()
            head = read_noted_head(database)
            found, ended_early = operations.list_after(
                database, where, after, page.limit + 1, now, seen_by=seen_by
            )
            if not found:
                check_known(database, where, now, seen_by)
            reported = report(database, found)
        listed = cursor.cut(reported, page, lambda each: each.operation.sequence)
        return Report(replace(listed, is_last=listed.is_last and not ended_early), head)

    def get(self, name: str, seen_by: Identity | None) -> Operation:
        """`name`: its id, or its sequence number. Refused 404 operation_not_found."""
        with self._store.evidence() as database:
            return self._find(database, name, seen_by)

    def explain(self, name: str, seen_by: Identity | None) -> Reported:
        """The same, with what it rests on. Refused as `report` too."""
        with self._store.evidence() as database:
            (reported,) = report(database, [self._find(database, name, seen_by)])
        return reported

    def export(self, since_head: str | None = None) -> Iterator[Operation | Unreadable]:
        """Every row that there is as of now, in sequence order, in bounded memory: also one that
        the head does not know of. `since_head`: from the row on that has this hash. Refused 404
        operation_not_found at the call, not at the first row."""
        with self._store.evidence() as database:
            first, last = operations.read_bounds(database)
        if since_head is not None:
            first = self._find_head(since_head, last)
        return self._rows(first, last)

    def end(self) -> End:
        with self._store.evidence() as database:
            root = read_root(database)
        is_whole = root.has_tree and len(root.frontier) == root.size.bit_count() * HASH_OCTETS
        tree_root = root_of(root.frontier).hex() if is_whole else None
        return End(root.sequence, root.row_hash, tree_root)

    def _find(self, database: Database, name: str, seen_by: Identity | None) -> Operation:
        found = operations.find(database, name)
        if found is not None and seen_by is not None:
            visible = operations.is_visible(database, found.entry.id, seen_by, self._clock())
            found = found if visible else None
        if found is None:
            raise not_found("operation", name)
        return found

    def _find_head(self, row_hash: str, last: int) -> int:
        """From the end, a part at a time: what is asked for is seldom far from there."""
        least: int | None = last + 1
        while least is not None:
            with self._store.evidence() as database:
                found, least = operations.find_hash(database, row_hash, least - 1, _LOOKED_AT)
            if found is not None:
                return found
        raise not_found("operation", row_hash)

    def _rows(self, first: int, last: int) -> Iterator[Operation | Unreadable]:
        """In slices, so that a slow reader holds no read transaction, nor a connection."""
        while rows := _read_slice(self._store, first, last):
            yield from rows
            first = rows[-1].sequence + 1


def _read_slice(store: Store, first: int, last: int) -> list[Operation | Unreadable]:
    with store.evidence() as database:
        return operations.slice_from(database, first, last)
