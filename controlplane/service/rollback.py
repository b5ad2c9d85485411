"""A store that went back in time does not start by itself; what a person's word for it does."""

import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from secrets import token_hex

import structlog
from peewee import Database

from controlplane.domain.action import Action
from controlplane.domain.anchor import NAME, Anchor, Mismatch, Standing, find_mismatch
from controlplane.domain.instant import now, to_text
from controlplane.domain.operation import DetailValue, Head, Operation
from controlplane.domain.suspension import SuspensionKind
from controlplane.errors import Code, Refused
from controlplane.keys.master_key import load_master_key
from controlplane.service.anchor_file import AnchorFile, Spoilt
from controlplane.service.anchors import read_standing, write_anew
from controlplane.service.changes import record
from controlplane.service.location import Location
from controlplane.store import enrolments, installations, operations, suspensions
from controlplane.store.database import Store, read_head

RESTORE = "restore"
_OF_A_START = (
    Action.INSTALLATION_ANCHOR,
    Action.INSTALLATION_REPAIR,
    Action.INSTALLATION_ROLLBACK,
)
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Noted:
    """What is known of before: `anchor` None if there is none that can be believed, and `flaw` is
    what is wrong with the file that is there."""

    file: AnchorFile
    anchor: Anchor | None
    flaw: str | None

    @property
    def is_missing(self) -> bool:
        return self.anchor is None and self.flaw is None

    def says(self, standing: Standing) -> bool:
        """All that there is to say of it."""
        return self.anchor is not None and (
            (self.anchor.instance, self.anchor.head) == (standing.instance, standing.head)
        )


def settle_start(
    store: Store,
    location: Location,
    path: Path | None,
    accepted: str | None,
    by: str = "serve --accept-rollback",
    *,
    is_believed: bool = True,
) -> Path:
    """Before a server starts: that the store, which is proven, is not behind what was noted, nor a
    copy. Where the anchor is from now on. `path`: None: in the data directory. `accepted`: the head
    of the store that somebody takes for what it is, and goes on from; `by` which command. Unless it
    `is_believed`, what the anchor says of admins is of no use: their keys may be others by now.

    Refused anchor_missing, store_rolled_back, store_copied; nothing_to_accept."""
    master_key = load_master_key(location.master_key_path)
    beside = AnchorFile((location.data_dir / NAME).resolve(), master_key)
    file = beside if path is None else AnchorFile(path.resolve(), master_key)
    noted = _read(file)
    if noted.is_missing and not (before := _read(beside)).is_missing:
        noted = before  # from where it moves
    with store.read() as database:
        standing = read_standing(store, database)
        mismatch = _find_mismatch(noted, standing)
        if mismatch is None and accepted is not None and _was_restored(database, accepted):
            accepted = None
    if accepted is not None:
        kept = noted.anchor.admins if noted.anchor is not None and is_believed else ()
        _accept(store, noted.anchor, mismatch, accepted, by, kept)
    elif mismatch is not None:
        place = ["--data-dir", str(location.data_dir)]
        place += ["--anchor", str(path)] if path is not None else []
        raise _refused(store, noted, standing.head, mismatch, place)
    elif noted.file is file and noted.says(standing):
        return file.path  # which may be where nothing can be written
    if _write(store, file) and file.path != beside.path:
        beside.remove()
    return file.path


def _read(file: AnchorFile) -> _Noted:
    try:
        return _Noted(file, file.read(), None)
    except Spoilt as flaw:
        return _Noted(file, None, str(flaw))


def _find_mismatch(noted: _Noted, standing: Standing) -> Mismatch | None:
    if noted.anchor is not None:
        return find_mismatch(noted.anchor, standing)
    if noted.flaw is not None:
        return Mismatch(Code.ANCHOR_MISSING, f"The anchor {noted.file.path} {noted.flaw}.")
    if standing.is_anchored:
        why = (
            f"There is no anchor {noted.file.path}, and the store had one: nothing says that it is "
            "as new as it was. If it is elsewhere, name it (--anchor FILE)."
        )
        return Mismatch(Code.ANCHOR_MISSING, why)
    return None


def _refused(
    store: Store, noted: _Noted, head: Head, mismatch: Mismatch, place: list[str]
) -> Refused:
    """With what was expected and found, and what to do: lines. `place`: options that say where."""
    said = [mismatch.why, f"The store {store.name} ends at {_spell(head)}."]
    if noted.anchor is not None:
        said.append(f"The anchor {noted.file.path} says {_spell(noted.anchor.head)}.")
    if mismatch.code is Code.STORE_COPIED:
        said += [
            "If the other one is served too, grants are used twice: stop it, or go back to it."
        ]
    else:
        said += [
            "Rows that are lost may have revoked keys and used up grants.",
            "Put the newest store and its anchor back, if you have them.",
        ]
    said += [
        "Or, if no other server has this store, go on from here, which suspends API keys,",
        "grants and approvals until an admin confirms them: start it once with this besides",
        f"{shlex.join(place)} and whatever else it is started with:",
        f"sealwright serve --accept-rollback {head.row_hash}",
    ]
    return Refused(mismatch.code, "\n".join(said))


def _was_restored(database: Database, accepted: str) -> bool:
    """With this head, which `restore` accepted, and nothing has happened since."""
    last = read_head(database).sequence
    for row in reversed(operations.slice_from(database, max(1, last - 9), last)):
        if not isinstance(row, Operation) or row.entry.action not in _OF_A_START:
            return False
        said = row.entry.details or {}
        if row.entry.action == Action.INSTALLATION_ROLLBACK:
            return (said.get("by"), said.get("found_hash")) == (RESTORE, accepted)
    return False


def _accept(
    store: Store,
    anchor: Anchor | None,
    mismatch: Mismatch | None,
    accepted: str,
    by: str,
    kept: tuple[str, ...],
) -> None:
    """Leaves a row; suspends all that the rows that are lost may have taken away, but the keys of
    those who were admins when the anchor was written (`kept`); and begins another instance of the
    store."""
    if mismatch is None:
        raise Refused(
            Code.NOTHING_TO_ACCEPT,
            "There is no rollback to accept: the store fits its anchor. Start the server without "
            "--accept-rollback.",
        )
    at, instance = now(), token_hex(16)
    with store.change() as database:
        standing = read_standing(store, database)
        head = standing.head
        if head.row_hash != accepted:
            raise Refused(
                mismatch.code,
                f"The head of the store is not {accepted}: it ends at {_spell(head)}. Look at what "
                "is there again.",
            )
        enrolments.end_all(database, at)
        details = _details(anchor, head, mismatch, instance) | {"by": by}
        installations.begin_instance(database, instance, at)
        for part in _suspend(database, kept, at):
            record(
                database,
                None,
                Action.INSTALLATION_ROLLBACK,
                standing.instance,
                at=at,
                details=details | part,
            )


def _suspend(
    database: Database, kept: tuple[str, ...], at: datetime
) -> Iterator[dict[str, DetailValue]]:
    for number, counts in enumerate(suspensions.suspend(database, kept, at), 1):
        yield {
            "part": number,
            "api_keys_suspended": counts[SuspensionKind.API_KEY],
            "grants_suspended": counts[SuspensionKind.GRANT],
            "approvals_suspended": counts[SuspensionKind.APPROVAL],
        }


def _details(
    anchor: Anchor | None, head: Head, mismatch: Mismatch, instance: str
) -> dict[str, DetailValue]:
    return {
        "reason": mismatch.code.value,
        "noted_sequence": None if anchor is None else anchor.sequence,
        "noted_hash": None if anchor is None else anchor.row_hash,
        "noted_at": None if anchor is None or anchor.at is None else to_text(anchor.at),
        "found_sequence": head.sequence,
        "found_hash": head.row_hash,
        "found_at": None if head.at is None else to_text(head.at),
        "rows_lost": mismatch.lost,
        "instance": instance,
    }


def _write(store: Store, file: AnchorFile) -> bool:
    """A server can do without (False); then its log says so, and again while it runs."""
    try:
        with file.locked(), store.read() as database:
            standing = read_standing(store, database)
            write_anew(database, file, standing)
    except OSError as fault:
        _log.error("anchor_not_written", path=str(file.path), cause=str(fault))
        return False
    if not standing.is_anchored:
        at = now()
        with store.write() as database:
            installations.mark_anchored(database, at)
            record(database, None, Action.INSTALLATION_ANCHOR, standing.instance, at=at)
    return True


def _spell(head: Head) -> str:
    """In a sentence."""
    at = "" if head.at is None else f" of {head.at:%Y-%m-%dT%H:%M:%SZ}"
    return f"row {head.sequence}{at}, {head.row_hash}"
