"""The log as outsiders read it: the published checkpoint, and the tiles of the tree up to there."""

from datetime import datetime, timedelta

from peewee import Database

from controlplane.audit.checkpoint import Checkpoint
from controlplane.domain.instant import Clock
from controlplane.domain.tree import TILE_WIDTH, consistency, is_included, leaf_hash
from controlplane.domain.tree import inclusion as path_of
from controlplane.errors import Code, Refused
from controlplane.service.log_signing import LogSigning
from controlplane.store import checkpoints
from controlplane.store.checkpoints import Published
from controlplane.store.database import Store
from controlplane.store.state import altered, row_hashes
from controlplane.store.tiles import Tiles

_ONCE_IN = timedelta(seconds=1)


class PublishedLog:
    def __init__(self, store: Store, signing: LogSigning, clock: Clock) -> None:
        self._store = store
        self._signing = signing
        self._clock = clock

    def checkpoint(self) -> Checkpoint:
        """The published one; a newer one is published first where that is more than a second old,
        and rows came. The first one begins the log. Refused state_altered, store_unavailable."""
        self._signing.begin()
        with self._store.read() as database:
            stands = self._is_new_enough(database)
        return self.publish() if stands is None else stands

    def publish(self) -> Checkpoint:
        """That of the log as it is now. Refused as `checkpoint`."""
        self._signing.begin()
        with self._store.write() as database:
            newest = self._signing.sign_head(database)
            if self.read(database) != newest:
                checkpoints.put(database, Published(newest.note, self._clock()))
        return newest

    def keep_published(self) -> None:
        """As `checkpoint`, where anybody ever asked for one."""
        with self._store.read() as database:
            if not self._signing.begun(database) or self._is_new_enough(database):
                return
        self.publish()

    def last(self, database: Database) -> tuple[int, datetime] | None:
        """Rows of the published checkpoint, and when it was; None: as `read`, or the log has not
        begun. Raises Altered."""
        found = checkpoints.read(database) if self._signing.begun(database) else None
        checkpoint = None if found is None else self._signing.read(found.note)
        return None if found is None or checkpoint is None else (checkpoint.size, found.at)

    def read(self, database: Database) -> Checkpoint | None:
        """The published one; the log has begun. None: there is none, or none that it signed."""
        found = checkpoints.read(database)
        return None if found is None else self._signing.read(found.note)

    def tile(self, level: int, position: int, width: int) -> bytes:
        """So many hashes of a tile, 1 to 256. Refused 404 tile_not_found beyond what is published;
        as `checkpoint`."""
        with self._store.read() as database:
            tiles = Tiles(database, self._published_size(database))
            if not 0 < width <= tiles.width(level, position):
                raise _no_tile()
            return b"".join(tiles.tile(level, position)[:width])

    def entries(self, position: int, width: int) -> list[bytes]:
        """The same of a bundle of entries: 32 octets each."""
        with self._store.read() as database:
            size = self._published_size(database)
            if not 0 < width <= Tiles(database, size).width(0, position):
                raise _no_tile()
            first = position * TILE_WIDTH
            try:
                found = [bytes.fromhex(each) for each in row_hashes(database, first, first + width)]
            except ValueError:
                found = []
        if len(found) != width:
            raise altered(f"rows from {first + 1} on")
        return found

    def inclusion(
        self, database: Database, index: int, row_hash: str, checkpoint: Checkpoint
    ) -> list[bytes]:
        """Of the entry with this index. Raises Altered where the tiles do not lead from the row to
        the root."""
        path = path_of(index, checkpoint.size, Tiles(database, checkpoint.size).node)
        leaf = leaf_hash(row_hash)
        if not is_included(leaf, index, checkpoint.size, path, checkpoint.root):
            raise altered(f"tiles, on the way to row {index + 1}")
        return path

    def consistency(self, old: int, new: int) -> list[bytes]:
        """Between the trees of two sizes, 0 < `old` ≤ `new` ≤ what is published; for who holds it
        against both roots."""
        with self._store.read() as database:
            if not 0 < old <= new <= self._published_size(database):
                raise _no_tile()
            return consistency(old, new, Tiles(database, new).node)

    def _published_size(self, database: Database) -> int:
        found = self.read(database) if self._signing.begun(database) else None
        return 0 if found is None else found.size

    def _is_new_enough(self, database: Database) -> Checkpoint | None:
        """The published one, if it is of now or of less than a second ago."""
        found = checkpoints.read(database)
        read = None if found is None else self._signing.read(found.note)
        if found is None or read is None:
            return None
        is_recent = abs(self._clock() - found.at) < _ONCE_IN
        return read if is_recent or read == self._signing.sign_head(database) else None


def _no_tile() -> Refused:
    return Refused(Code.TILE_NOT_FOUND, "There is no such tile up to the published checkpoint.")
