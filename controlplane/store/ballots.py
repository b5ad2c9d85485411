"""Ballots of one kind as rows: each with whom it names, and the decisions on it. A decision is
written once; an approval can be withdrawn."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Generic, TypeVar

from peewee import Database, Model, ModelSelect, fn

from controlplane.domain.instant import from_text, to_text
from controlplane.domain.model import (
    Ballot,
    Credential,
    Decision,
    Identity,
    RequestState,
    Verdict,
)
from controlplane.store import rows
from controlplane.store.conditions import ends_with
from controlplane.store.mapping import Shared, as_json, shared
from controlplane.store.tables import DecisionRow

B = TypeVar("B", bound=Ballot)

_DECISION = shared(Decision, DecisionRow, credential=as_json(Credential))
_ENDING = ("ended", "ended_at", "ended_by", "comment")


@dataclass(frozen=True, slots=True)
class Pending:
    """How many, and when the oldest was made; None: there is none."""

    number: int
    oldest: datetime | None


@dataclass(frozen=True, slots=True)
class Ballots(Generic[B]):
    """`reference` is the column by which `approvers` and `decisions` name the ballot; `endings` are
    columns of how it ended beside those of every ballot."""

    form: Shared[B]
    table: Any  # of the ballots: a model with the columns of every one
    approvers: type[Model]
    decisions: type[Model]
    reference: str
    endings: tuple[str, ...] = ()

    def insert(self, database: Database, ballot: B) -> None:
        """As it stands, decisions apart."""
        rows.insert(database, self.table, self.form.write(ballot))
        named = {name for step in ballot.steps for name in step.approvers}
        listed = [{self.reference: ballot.id, "identity": name} for name in sorted(named)]
        rows.insert_many(database, self.approvers, listed)

    def end(self, database: Database, ballot: B) -> None:
        """Writes how it ended."""
        columns = self.form.write(ballot, *_ENDING, *self.endings)
        which = (self.table.id == ballot.id) & self.table.ended.is_null()
        rows.update(database, self.table, which, columns)

    def insert_decision(self, database: Database, ballot_id: str, decision: Decision) -> None:
        """In the place of one by the same approver on the same step that does not count."""
        columns = {self.reference: ballot_id} | _DECISION.write(decision)
        before = self._is_decision(ballot_id, decision) & ~self._counts()
        if not rows.update(database, self.decisions, before, columns, may_lack=True):
            rows.insert(database, self.decisions, columns)

    def withdraw_decision(self, database: Database, ballot_id: str, decision: Decision) -> None:
        columns = _DECISION.write(decision, "withdrawn_at")
        same = self._is_decision(ballot_id, decision)
        rows.update(database, self.decisions, same, columns)

    def find_approved_by(self, database: Database, approver: str, now: datetime) -> list[B]:
        """Pending ones, oldest first, on which an approval by this identity counts, or is
        suspended: all of them."""
        fields = self.decisions._meta.fields
        theirs = (
            (fields["approver"] == approver)
            & (fields["verdict"] == Verdict.APPROVED.value)
            & fields["withdrawn_at"].is_null()
        )
        approved = rows.matching(database, self.decisions, theirs)
        ids = {getattr(row, self.reference) for row in approved}
        on_these = self.is_pending(now) & self.table.id.in_(ids)
        found: list[Any] = rows.matching(database, self.table, on_these)
        return self.load(database, sorted(found, key=lambda row: str(row.id)))

    def find(self, database: Database, ballot_id: str) -> B | None:
        row = rows.find(database, self.table, ballot_id)
        return None if row is None else self.load(database, [row])[0]

    def is_pending(self, now: datetime) -> Any:
        """A condition."""
        expires_at = self.table.expires_at
        not_expired = expires_at.is_null() | (expires_at > to_text(now))
        return self.table.ended.is_null() & not_expired

    def count_pending(self, database: Database, now: datetime) -> Pending:
        """Not held against what the state says of each."""
        counted = (fn.COUNT(self.table.id), fn.MIN(self.table.created_at))
        query = self.table.select(*counted).where(self.is_pending(now))
        number, oldest = query.tuples().execute(database)[0]
        return Pending(number, None if oldest is None else from_text(oldest))

    def list_before(
        self,
        database: Database,
        query: "ModelSelect[Any]",
        ballot_id: str | None,
        limit: int,
        now: datetime,
        state: RequestState | None,
        ending: str | None,
    ) -> list[B]:
        """Of those of a query, newest first, those before this one. `ending`: of their ids."""
        if ending is not None:
            query = query.where(ends_with(self.table.id, ending))
        if state is RequestState.PENDING:
            query = query.where(self.is_pending(now))
        elif state is RequestState.EXPIRED:
            has_expired = self.table.expires_at <= to_text(now)
            query = query.where(self.table.ended.is_null() & has_expired)
        elif state is not None:
            query = query.where(self.table.ended == state.value)
        if ballot_id is not None:
            query = query.where(self.table.id < ballot_id)
        query = query.order_by(self.table.id.desc()).limit(limit)
        return rows.load_sound(database, query, partial(self.load, database))

    def ids_naming(self, database: Database, identity: Identity) -> "ModelSelect[Any]":
        """A query for those whose steps name it."""
        fields = self.approvers._meta.fields
        reference, named = fields[self.reference], fields["identity"]
        rows.select(database, self.approvers.select().where(named == identity.name))
        return self.approvers.select(reference).where(named == identity.name)

    def load(self, database: Database, loaded: Sequence[Any]) -> list[B]:
        made: dict[str, list[Any]] = rows.families(
            database, self.decisions, [row.id for row in loaded]
        )
        return [
            self.form.read(
                row,
                decisions=tuple(
                    _DECISION.read(each)
                    for each in sorted(made[row.id], key=lambda decision: str(decision.at))
                ),
            )
            for row in loaded
        ]

    def _counts(self) -> Any:
        """A condition, as Decision.counts has it."""
        fields = self.decisions._meta.fields
        return fields["withdrawn_at"].is_null() & fields["suspended_at"].is_null()

    def _is_decision(self, ballot_id: str, decision: Decision) -> Any:
        """A condition."""
        fields = self.decisions._meta.fields
        return (
            (fields[self.reference] == ballot_id)
            & (fields["step"] == decision.step)
            & (fields["approver"] == decision.approver)
        )
