"""A log from before there was a tree gets its own: part by part, each committed, so that whoever is
stopped on the way goes on from there."""

from collections.abc import Callable

import structlog

from controlplane.domain.tree import TILE_WIDTH
from controlplane.store.database import Store
from controlplane.store.state import HEAD, altered, row_hashes
from controlplane.store.tiles import keep_full
from controlplane.store.transaction import transaction_of

_ROWS = TILE_WIDTH * TILE_WIDTH  # in one part: up to the end of a tile
_log = structlog.get_logger()

Tell = Callable[[int, int], None]
"""Told how many rows of how many the tree has."""


def log_growth(rows: int, of: int) -> None:
    _log.info("tree_grows", rows=rows, of=of)


def grow_tree(store: Store, tell: Tell) -> None:
    """Until it has all rows. Refused state_altered where rows are missing."""
    while _grow_once(store, tell):
        pass


def _grow_once(store: Store, tell: Tell) -> bool:
    with store.read() as database:
        if transaction_of(database).root.has_tree:
            return False
    with store.write() as database:
        transaction = transaction_of(database)
        size, last = transaction.root.size, transaction.root.sequence
        if size == last:
            return False
        until = min(last, size - size % _ROWS + _ROWS)
        tell(size, last)
        try:
            growth = transaction.grow(row_hashes(database, size, until))
        except ValueError:
            raise altered(HEAD) from None
        if growth.size != until:
            raise altered(HEAD)
        keep_full(database, growth)
    tell(until, last)
    return True
