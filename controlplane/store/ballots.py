"""Ballots of one kind as rows: each with whom it names, and the decisions on it. A decision is
written once; an approval can be withdrawn."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from peewee import Database, Model, ModelSelect

from controlplane.domain.instant import to_text
from controlplane.domain.model import (
    Ballot,
    Credential,
    Decision,
    Identity,
    RequestState,
    Verdict,
)
from controlplane.store.batches import batches
from controlplane.store.mapping import Shared, as_json, shared
from controlplane.store.tables import DecisionRow

B = TypeVar("B", bound=Ballot)

_DECISION = shared(Decision, DecisionRow, credential=as_json(Credential))
_ENDING = ("ended", "ended_at", "ended_by", "comment")


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
        self.table.insert(self.form.write(ballot)).execute(database)
        named = {name for step in ballot.steps for name in step.approvers}
        for names in batches(sorted(named)):
            self.approvers.insert_many(
                [{self.reference: ballot.id, "identity": name} for name in names]
            ).execute(database)

    def end(self, database: Database, ballot: B) -> None:
        """Writes how it ended."""
        columns = self.form.write(ballot, *_ENDING, *self.endings)
        self.table.update(columns).where(
            (self.table.id == ballot.id) & self.table.ended.is_null()
        ).execute(database)

    def insert_decision(self, database: Database, ballot_id: str, decision: Decision) -> None:
        """In the place of one by the same approver on the same step that was withdrawn."""
        columns = {self.reference: ballot_id} | _DECISION.write(decision)
        before = self._is_decision(ballot_id, decision)
        before &= self.decisions._meta.fields["withdrawn_at"].is_null(False)
        if not self.decisions.update(columns).where(before).execute(database):
            self.decisions.insert(columns).execute(database)

    def withdraw_decision(self, database: Database, ballot_id: str, decision: Decision) -> None:
        columns = _DECISION.write(decision, "withdrawn_at")
        same = self._is_decision(ballot_id, decision)
        self.decisions.update(columns).where(same).execute(database)

    def find_approved_by(self, database: Database, approver: str, now: datetime) -> list[B]:
        """Pending ones, oldest first, on which an approval by this identity counts."""
        fields = self.decisions._meta.fields
        approved = self.decisions.select(fields[self.reference]).where(
            (fields["approver"] == approver)
            & (fields["verdict"] == Verdict.APPROVED.value)
            & fields["withdrawn_at"].is_null()
        )
        query = self.table.select().where(self.is_pending(now) & self.table.id.in_(approved))
        return self.load(database, list(query.order_by(self.table.id).execute(database)))

    def find(self, database: Database, ballot_id: str) -> B | None:
        query = self.table.select().where(self.table.id == ballot_id)
        found = self.load(database, list(query.execute(database)))
        return found[0] if found else None

    def is_pending(self, now: datetime) -> Any:
        """A condition."""
        expires_at = self.table.expires_at
        not_expired = expires_at.is_null() | (expires_at > to_text(now))
        return self.table.ended.is_null() & not_expired

    def list_before(
        self,
        database: Database,
        query: "ModelSelect[Any]",
        ballot_id: str | None,
        limit: int,
        now: datetime,
        state: RequestState | None,
    ) -> list[B]:
        """Of those of a query, newest first, those before this one."""
        if state is RequestState.PENDING:
            query = query.where(self.is_pending(now))
        elif state is RequestState.EXPIRED:
            has_expired = self.table.expires_at <= to_text(now)
            query = query.where(self.table.ended.is_null() & has_expired)
        elif state is not None:
            query = query.where(self.table.ended == state.value)
        if ballot_id is not None:
            query = query.where(self.table.id < ballot_id)
        rows = query.order_by(self.table.id.desc()).limit(limit).execute(database)
        return self.load(database, list(rows))

    def ids_naming(self, identity: Identity) -> "ModelSelect[Any]":
        """A query for those whose steps name it."""
        fields = self.approvers._meta.fields
        reference, named = fields[self.reference], fields["identity"]
        return self.approvers.select(reference).where(named == identity.name)

    def load(self, database: Database, rows: Sequence[Any]) -> list[B]:
        ids = [row.id for row in rows]
        decisions: dict[str, list[Decision]] = {ballot_id: [] for ballot_id in ids}
        fields = self.decisions._meta.fields
        found = self.decisions.select().where(fields[self.reference].in_(ids))
        for row in found.order_by(fields["at"]).execute(database) if ids else ():
            decisions[getattr(row, self.reference)].append(_DECISION.read(row))
        return [self.form.read(row, decisions=tuple(decisions[row.id])) for row in rows]

    def _is_decision(self, ballot_id: str, decision: Decision) -> Any:
        """A condition."""
        fields = self.decisions._meta.fields
        return (
            (fields[self.reference] == ballot_id)
            & (fields["step"] == decision.step)
            & (fields["approver"] == decision.approver)
        )
