"""Getting the log's checkpoints witnessed, and showing those that are."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import structlog
from peewee import Database

from controlplane.audit.checkpoint import Checkpoint
from controlplane.domain.instant import Clock
from controlplane.domain.text import shorten, storable
from controlplane.domain.witness import Cosignature, Standing, Witness
from controlplane.errors import Code, Refused
from controlplane.service.log_signing import LogSigning
from controlplane.service.published_log import PublishedLog
from controlplane.store import witnesses as rows
from controlplane.store.database import Store
from controlplane.witnesses.exchange import Answered, post
from controlplane.witnesses.protocol import find_cosignature, read_size, submission

Post = Callable[[str, bytes], Answered]

_LONGEST = 300  # characters of a failure
_REFUSALS = {
    403: "It does not accept the log's key (403): give it what sealwright log key shows.",
    404: "It does not know the log (404): give it what sealwright log key shows.",
    422: "It refuses the checkpoint (422): what it signed before is not the beginning of this log.",
}
_log = structlog.get_logger()


class Witnessing:
    def __init__(
        self,
        store: Store,
        signing: LogSigning,
        published: PublishedLog,
        clock: Clock,
        send: Post = post,
    ) -> None:
        self._store = store
        self._signing = signing
        self._published = published
        self._clock = clock
        self._send = send

    def submit_to_all(self) -> None:
        """The published checkpoint, to each witness that has not signed it. How it went is kept;
        none keeps the others from theirs. Refused as `PublishedLog.checkpoint`, and state_altered
        where a witness is not as it was left, after the others were asked."""
        with self._store.read() as database:
            witnesses, standings = rows.list_sound(database), rows.standings(database)
        if witnesses:
            self._submit_to(witnesses, standings)
        with self._store.read() as database:
            rows.list_all(database)  # one that is altered is not asked, and that is a failure

    def _submit_to(self, witnesses: Sequence[Witness], standings: Mapping[str, Standing]) -> None:
        checkpoint = self._published.checkpoint()
        for witness in witnesses:
            before = standings.get(witness.id, Standing())
            if before.failure is None and _is_signed(before.cosignature, witness, checkpoint):
                continue
            standing = self._submit(witness, before, checkpoint)
            self._keep(witness, standing)
            if standing.failure is not None and standing.failure != before.failure:
                _log.warning("witness_failed", witness=witness.key.name, cause=standing.failure)

    def last_witnessed(self, least: int) -> Checkpoint:
        """The last checkpoint that a witness signed, with those signatures; of so many entries at
        least. Refused 409 not_witnessed_yet, 500 state_altered."""
        found = self.find_witnessed(least)
        if found is None:
            raise Refused(
                Code.NOT_WITNESSED_YET,
                "No witness has signed a checkpoint of the log with this row yet; that happens "
                "once a minute, where there are witnesses (sealwright log witness list).",
            )
        return found

    def find_witnessed(self, least: int) -> Checkpoint | None:
        """The same; None: there is none. Refused 500 state_altered."""
        with self._store.read() as database:
            found = self._find_witnessed(database)
        return None if found is None or found.size < least else found

    def with_cosignatures(self, checkpoint: Checkpoint) -> Checkpoint:
        """The same, with those that there are."""
        with self._store.read() as database:
            return self._cosigned(database, checkpoint)

    def _submit(self, witness: Witness, before: Standing, checkpoint: Checkpoint) -> Standing:
        at = self._clock()
        try:
            signed = self._exchange(witness, before, checkpoint)
        except (OSError, ValueError) as fault:
            words = shorten(storable(str(fault)), _LONGEST)
            return replace(before, failed_at=at, failure=words)
        return replace(before, cosignature=signed, succeeded_at=at, failure=None)

    def _exchange(self, witness: Witness, before: Standing, checkpoint: Checkpoint) -> Cosignature:
        """OSError, ValueError: in words, how it failed."""
        known = before.cosignature
        old = 0 if known is None or known.size > checkpoint.size else known.size
        answer = self._ask(witness, old, checkpoint)
        if answer.status == 409:
            old = read_size(answer.body)
            if old > checkpoint.size:
                raise ValueError(
                    f"It has signed {old} entries of this log, which has {checkpoint.size}: "
                    "somebody else signs with the log's key, or rows are lost."
                )
            answer = self._ask(witness, old, checkpoint)
        if answer.status != 200:
            unknown = f"It answered with status {answer.status}; redirects are not followed."
            raise ValueError(_REFUSALS.get(answer.status, unknown))
        return find_cosignature(answer.body, witness.key, checkpoint.note)

    def _ask(self, witness: Witness, old: int, checkpoint: Checkpoint) -> Answered:
        proof = self._published.consistency(old, checkpoint.size) if old else []
        body = submission(old, proof, checkpoint.note)
        return self._send(f"{witness.url}/add-checkpoint", body)

    def _keep(self, witness: Witness, standing: Standing) -> None:
        with self._store.write() as database:
            if witness.id in {each.id for each in rows.list_sound(database)}:
                rows.put_standing(database, witness.id, standing)

    def _find_witnessed(self, database: Database) -> Checkpoint | None:
        """The newest that this log signed: a witness's word alone makes none."""
        if not self._signing.begun(database):
            return None
        signed = [
            checkpoint
            for standing in rows.standings(database).values()
            if standing.cosignature is not None
            and (checkpoint := self._signing.read(standing.cosignature.note)) is not None
        ]
        for each in sorted(signed, key=lambda checkpoint: checkpoint.size, reverse=True):
            cosigned = self._cosigned(database, each)
            if cosigned != each:
                return cosigned
        return None

    def _cosigned(self, database: Database, checkpoint: Checkpoint) -> Checkpoint:
        """What stands in the store is looked at once more: a signature that does not hold would
        spoil the note."""
        standings = rows.standings(database)
        lines = [
            f"{standing.cosignature.line}\n"
            for witness in rows.list_sound(database)
            if (standing := standings.get(witness.id)) is not None
            and standing.cosignature is not None
            and _is_signed(standing.cosignature, witness, checkpoint)
        ]
        return replace(checkpoint, note=checkpoint.note + "".join(lines))


def _is_signed(found: Cosignature | None, witness: Witness, checkpoint: Checkpoint) -> bool:
    if found is None or found.note != checkpoint.note:
        return False
    line = f"{found.line}\n".encode()
    try:
        find_cosignature(line, witness.key, checkpoint.note)
    except ValueError:
        return False
    return True
