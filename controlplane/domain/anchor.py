"""An anchor: a note outside of the store of how far it had come, and what is wrong with a store
that it does not fit. Pure."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from msgspec import Struct, field

from controlplane.domain.operation import Head
from controlplane.domain.policy import count
from controlplane.errors import Code

NAME = "anchor.json"
"""Where it is by default: in the data directory."""


class Place(Struct, frozen=True, omit_defaults=True):
    """Which store it is, whatever stands in it: a copy is at another place. Of a file the numbers
    that the file system gives it; of a PostgreSQL database those that its server gives it and
    itself, where it says that."""

    inode: int | None = None
    device: int | None = None
    path: str | None = None
    database: int | None = None
    system: str | None = None

    @property
    def is_shared(self) -> bool:
        """Nodes may be on it that have anchors of their own."""
        return self.database is not None

    def is_same(self, other: "Place") -> bool:
        """Devices get other numbers when a machine starts, and files other names when they are
        moved; both at once say that it is another file."""
        if (self.inode, self.database) != (other.inode, other.database):
            return False
        if self.inode is not None:
            return self.device == other.device or self.path == other.path
        return None in (self.system, other.system) or self.system == other.system


class Anchor(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """`root`: the tag that the head had, in hex. `admins`: the ids of the API keys by which admins
    could call. `checkpoint`: of the log's tree, a signed note, once the log has begun."""

    instance: str
    sequence: int
    row_hash: str
    at: datetime | None
    root: str
    place: Place = field(name="store")
    admins: tuple[str, ...]
    checkpoint: str | None = None

    @property
    def head(self) -> Head:
        return Head(self.sequence, self.row_hash, self.at)


@dataclass(frozen=True, slots=True)
class Standing:
    """What stands in the store. `former`: instances that ended when somebody accepted a rollback.
    `is_anchored`: an anchor was noted before. `hash_at`: of the row with this sequence number."""

    instance: str
    former: frozenset[str]
    head: Head
    root: str
    place: Place
    is_anchored: bool
    hash_at: Callable[[int], str | None]


@dataclass(frozen=True, slots=True)
class Mismatch:
    """`why`: in a sentence. `lost`: how many rows at least, where that is known."""

    code: Code
    why: str
    lost: int | None = None


def find_mismatch(anchor: Anchor, standing: Standing) -> Mismatch | None:
    """None also where what was noted is of a former instance, and other nodes may have the store,
    of which one accepted what became of it."""
    if anchor.instance in standing.former and standing.place.is_shared:
        return None
    noted, head = anchor.head, standing.head
    rolled_back = Code.STORE_ROLLED_BACK
    if anchor.instance == standing.instance:
        if noted.sequence > head.sequence:
            lost = noted.sequence - head.sequence
            why = f"{count(lost, 'row')} at least {'is' if lost == 1 else 'are'} lost"
            return Mismatch(rolled_back, f"The store is older than its anchor: {why}.", lost)
        found = standing.hash_at(noted.sequence)
        if noted.sequence and found != noted.row_hash:
            why = f"its row {noted.sequence} is {found or 'missing'}"
            return Mismatch(rolled_back, f"The store holds another log than its anchor: {why}.")
    else:
        why = "it is another store, or one from before a rollback that was accepted"
        return Mismatch(rolled_back, f"The anchor is not that of this store: {why}.")
    if not anchor.place.is_same(standing.place):
        why = "the other one may be served too, or be newer"
        return Mismatch(Code.STORE_COPIED, f"The store is a copy of the one that was noted: {why}.")
    return None
