"""A backup that takes the place of a store, or becomes one where there is none."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from peewee import Database

from controlplane.audit.verification import verify_lines
from controlplane.domain.anchor import NAME
from controlplane.domain.instant import from_text, now
from controlplane.domain.operation import Head, Operation, Unreadable
from controlplane.errors import Altered, Code, Refused
from controlplane.keys.master_key import MasterKey, load_master_key
from controlplane.service.anchor_file import AnchorFile, Spoilt
from controlplane.service.backup import back_up
from controlplane.service.installation import proven_store
from controlplane.service.location import Location
from controlplane.service.rollback import RESTORE, settle_start
from controlplane.store import backup_file, operations
from controlplane.store.backup_file import BackupFile, readable
from controlplane.store.copying import fill
from controlplane.store.database import Store
from controlplane.store.migrations import all_migrations, check_known, current_version
from controlplane.store.objects import scan
from controlplane.store.state import State, read_root
from controlplane.store.summary import Summary, hash_of, summarise, time_of

Export = Callable[[Operation | Unreadable], bytes]
"""A row of the log as the line that verifies."""


@dataclass(frozen=True, slots=True)
class Loss:
    """What the store that is there knows and the backup does not: so many rows of its log, from
    when to when. `is_other`: its log is another one, not the backup's with more rows. `damage`: in
    a sentence, why it cannot be read; then nothing else is known."""

    rows: int = 0
    since: datetime | None = None
    until: datetime | None = None
    is_other: bool = False
    damage: str | None = None


class Restoration:
    """Of a backup whose log is sound. `altered`: names of objects in it that are not as the server
    left them; what rests on them will be refused. `loss`: None where there is no store. `noted`:
    how far the anchor in the data directory says that the store had come, where that is more than
    the backup holds. `kept`: a backup of the store that was replaced, made when it was."""

    def __init__(
        self,
        location: Location,
        store: Store,
        backup: BackupFile,
        altered: tuple[str, ...],
        loss: Loss | None,
        noted: Head | None,
        anchor: Path | None,
    ) -> None:
        self.summary: Summary = backup.summary
        self.altered = altered
        self.loss = loss
        self.noted = noted
        self.kept: Path | None = None
        self._anchor = anchor
        self._location = location
        self._store = store
        self._backup = backup

    def carry_out(self) -> None:
        """All or nothing. The data directory remembers where its store is. Refused store_in_use,
        store_unavailable, data_dir_unusable."""
        with _folder(self._location.data_dir):
            self._keep()
            with self._store.replacing() as database:
                fill(database, self.summary.schema, self._backup.rows)
            self._location.remember_anew()

    def _keep(self) -> None:
        """What the backup does not know, as far as it can be read: whoever restores the wrong one
        can come back."""
        if self.loss is not None and self.loss.rows:
            file = self._location.data_dir / f"replaced-{now():%Y%m%dT%H%M%SZ}.sealwright"
            back_up(self._location, file)
            self.kept = file

    def accept(self) -> bool:
        """What the store, which is restored, does not know of is lost, as with `serve
        --accept-rollback`. False where that is left to it, because the store is of an earlier
        version, or something in it was altered."""
        if self.altered or self.summary.schema < all_migrations()[-1].version:
            return False
        store = proven_store(self._location)
        with store.closing():
            settle_start(store, self._location, self._anchor, self.summary.row_hash, RESTORE)
        return True


@contextmanager
def restoration(
    location: Location, file: Path, export: Export, anchor: Path | None = None
) -> Iterator[Restoration]:
    """Looks at the backup, and at what is in its place; changes nothing yet. `anchor`: None: in the
    data directory.

    Refused backup_unreadable, store_too_new; backup_altered: its log is not what was written;
    master_key_unreadable; master_key_wrong: the backup's store had another one; store_in_use: a
    server runs on the store that is there; unsupported_file_system, store_unavailable.
    """
    location = location.recalled()
    store = location.store()
    store.check_place()
    with store.closing(), backup_file.open_file(file) as backup:
        master_key = _load_master_key(location, backup)
        _check_log(backup, export)
        altered = _find_altered(backup, State(master_key.derive("state")))
        noted_in = AnchorFile((anchor or location.data_dir / NAME).resolve(), master_key)
        noted, loss = _read_noted(noted_in, backup.summary), _find_loss(store, backup)
        yield Restoration(location, store, backup, altered, loss, noted, anchor)


def _load_master_key(location: Location, backup: BackupFile) -> MasterKey:
    path = location.master_key_path
    master_key = load_master_key(path)
    if master_key.check_value() != backup.summary.master_key_check:
        raise Refused(
            Code.MASTER_KEY_WRONG, f"{path} is not the master key of the store in {backup.path}."
        )
    return master_key


def _check_log(backup: BackupFile, export: Export) -> None:
    with readable(backup.path):
        found = verify_lines(map(export, _rows(backup.log)))
    summary = backup.summary
    if not found.intact or (found.rows, found.head) != (summary.sequence, summary.row_hash):
        first = found.first_bad_sequence or found.rows + 1
        raise Refused(
            Code.BACKUP_ALTERED,
            f"The audit log in {backup.path} is not intact: row {first} is not as it was written.",
        )


def _find_altered(backup: BackupFile, state: State) -> tuple[str, ...]:
    """None of a backup that an earlier version made: `serve` looks at those."""
    if backup.summary.schema < all_migrations()[-1].version:
        return ()
    try:
        with readable(backup.path):
            state.follow_log(backup.log, read_root(backup.log))
            return tuple(state.strange(scan(backup.log)))
    except Altered as error:
        raise Refused(
            Code.BACKUP_ALTERED, f"The audit log in {backup.path} was altered: {error.what}."
        ) from error


def _rows(database: Database) -> Iterator[Operation | Unreadable]:
    first, last = operations.read_bounds(database)
    while rows := operations.slice_from(database, first, last):
        yield from rows
        first = rows[-1].sequence + 1


def _read_noted(file: AnchorFile, backup: Summary) -> Head | None:
    try:
        anchor = file.read()
    except Spoilt:  # `serve` has more to say of it
        return None
    return anchor.head if anchor is not None and anchor.sequence > backup.sequence else None


def _find_loss(store: Store, backup: BackupFile) -> Loss | None:
    if not store.exists():
        return None
    store.check_alone()
    try:
        with store.read() as database:
            return _compare(database, backup)
    except Refused as refused:
        if refused.code is not Code.STORE_UNAVAILABLE:
            raise
        return Loss(damage=refused.cause)


def _compare(database: Database, backup: BackupFile) -> Loss | None:
    if current_version(database) == 0:
        return None
    check_known(database)
    there, ours = summarise(database, "", ""), backup.summary
    common = min(there.sequence, ours.sequence)
    is_other = hash_of(database, common) != hash_of(backup.log, common)
    first = 1 if is_other else common + 1
    rows = there.sequence + 1 - first
    since = time_of(database, first) if rows else None
    return Loss(
        rows=rows,
        since=None if since is None else from_text(since),
        until=there.last_row_at if rows else None,
        is_other=is_other,
    )


@contextmanager
def _folder(path: Path) -> Iterator[None]:
    """The data directory, for its owner only where it is made here; which it is not if this
    fails."""
    existed = path.exists()
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        title = f"The data directory {path} cannot be used: {error.strerror}."
        raise Refused(Code.DATA_DIR_UNUSABLE, title) from error
    try:
        yield
    except BaseException as error:
        if not existed:
            with suppress(OSError):
                path.rmdir()
        if isinstance(error, OSError):
            title = f"Nothing can be written in {path}: {error.strerror}."
            raise Refused(Code.DATA_DIR_UNUSABLE, title) from error
        raise
