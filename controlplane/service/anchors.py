"""Noting how far the store has come, where a store that is restored or exchanged does not reach."""

from collections.abc import Callable
from contextlib import suppress
from threading import Event, Thread

import structlog
from peewee import Database

from controlplane.domain.anchor import Anchor, Standing, find_mismatch
from controlplane.domain.instant import Clock, now
from controlplane.errors import Refused
from controlplane.service.anchor_file import AnchorFile, Spoilt
from controlplane.service.log_signing import LogSigning
from controlplane.store import checkpoints, identities, installations, operations
from controlplane.store.database import Store
from controlplane.store.transaction import transaction_of

_SECONDS = 1.0
_RECENT = 0.5  # seconds
_log = structlog.get_logger()


def read_standing(store: Store, database: Database) -> Standing:
    """`hash_at` of it asks this transaction."""
    root = transaction_of(database).root
    installation = installations.read(database)
    return Standing(
        instance=root.instance,
        former=installation.former,
        head=root.head,
        root=(root.tag or b"").hex(),
        place=store.place(),
        is_anchored=installation.is_anchored,
        hash_at=lambda sequence: operations.hash_at(database, sequence),
    )


def note(
    store: Store, file: AnchorFile, clock: Clock = now, signing: LogSigning | None = None
) -> Anchor:
    """As it stands now; with `signing`, and a log that has begun, its checkpoint is too. Raises
    OSError; Refused as reading the store; Strays."""
    with file.locked(), store.read() as database:
        standing = read_standing(store, database)
        with suppress(Spoilt):
            noted = file.read()
            mismatch = None if noted is None else find_mismatch(noted, standing)
            if mismatch is not None:
                raise Strays(mismatch.why)
        checkpoint = _sign(database, signing)
        return write_anew(database, file, standing, clock, checkpoint)


def _sign(database: Database, signing: LogSigning | None) -> str | None:
    if signing is None or not signing.begun(database):
        return None
    return signing.sign_head(database).note


def write_anew(
    database: Database,
    file: AnchorFile,
    standing: Standing,
    clock: Clock = now,
    checkpoint: str | None = None,
) -> Anchor:
    """Whatever was noted before. `checkpoint`: None: the published one. Raises OSError."""
    if checkpoint is None and (published := checkpoints.read(database)) is not None:
        checkpoint = published.note
    anchor = Anchor(
        instance=standing.instance,
        sequence=standing.head.sequence,
        row_hash=standing.head.row_hash,
        at=standing.head.at,
        root=standing.root,
        place=standing.place,
        admins=identities.ids_of_admin_keys(database, clock()),
        checkpoint=checkpoint,
    )
    file.write(anchor)
    return anchor


class Strays(Exception):  # noqa: N818  # nothing is written over a newer anchor
    """The store does not fit what was noted; says how."""


class Noting:
    """A thread of each process of a server: the one whose turn it is notes what all have written.
    Each looks how far the store has come, so that one that has nothing to do goes on from there
    alone: a store that is put back behind it is found out by this process too. What fails is in
    the log, and counted; no call waits for it."""

    def __init__(
        self, store: Store, file: AnchorFile, signing: LogSigning, failed: Callable[[], None]
    ) -> None:
        self._store = store
        self._signing = signing
        self._file = file
        self._failed = failed
        self._noted = 0  # the row up to which this process has seen it done
        self._cause: str | None = None  # of the latest failure
        self._stop = Event()
        self._thread = Thread(target=self._run, name="anchor", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Notes the end; after all that is to be written was written."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(_SECONDS):
            self._look()
            if not self._file.is_fresh(_RECENT):  # else it is another one's turn
                self._try_to_note()
        self._try_to_note()
        self._store.close_thread()

    def _look(self) -> None:
        with suppress(Refused), self._store.read():  # of which the store has told
            pass

    def _try_to_note(self) -> None:
        state = self._store.state
        seen = 0 if state is None else state.seen[0]
        if seen == self._noted:
            return
        try:
            self._noted = note(self._store, self._file, signing=self._signing).sequence
        except (OSError, Strays, Refused) as fault:
            cause = getattr(fault, "cause", None) or str(fault)
            self._failed()
            if cause != self._cause:
                _log.error("anchor_not_written", path=str(self._file.path), cause=cause)
            self._cause = cause
        else:
            self._cause = None
