"""Who witnesses the log: read by who reads everything, changed by admins."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from peewee import Database

from controlplane.domain import permissions
from controlplane.domain.action import Action
from controlplane.domain.identifier import new_id
from controlplane.domain.model import Caller, Identity
from controlplane.domain.page import Page, PageRequest
from controlplane.domain.witness import Standing, Witness, WitnessKey, read_key, read_url
from controlplane.errors import Code, Refused, invalid, not_found
from controlplane.service import consents, cursor
from controlplane.service.changes import record
from controlplane.service.gate import Change, Gate, Ruling
from controlplane.store import log_keys
from controlplane.store import witnesses as rows
from controlplane.store.database import Store


@dataclass(frozen=True, slots=True)
class WitnessView:
    witness: Witness
    standing: Standing


class Witnesses:
    def __init__(self, store: Store, gate: Gate) -> None:
        self._store = store
        self._gate = gate

    def list(self, caller: Caller, page: PageRequest) -> Page[WitnessView]:
        """By the name of their key. Refused 403 reader_required."""
        permissions.require_reader(caller.identity, "read who witnesses the log")
        after = cursor.read_text(page, "")
        with self._store.read() as database:
            found, standings = rows.list_all(database), rows.standings(database)
        views = [WitnessView(each, standings.get(each.id, Standing())) for each in found]
        following = [view for view in views if _place(view) > after]
        return cursor.cut(following[: page.limit + 1], page, _place)

    def add(self, caller: Caller, url: str, key: str) -> WitnessView:
        """Refused as AddWitness. Raises Proposed."""
        return WitnessView(self._gate.make(caller, AddWitness(new_id(), url, key)), Standing())

    def remove(self, caller: Caller, witness_id: str) -> None:
        """Refused as RemoveWitness. Raises Proposed."""
        self._gate.make(caller, RemoveWitness(witness_id))


@dataclass(frozen=True, slots=True)
class AddWitness(Change[Witness]):
    """Refused 400 (url, key), 403 admin_required, 409 witness_exists."""

    action: ClassVar[Action] = Action.WITNESS_ADD

    id: str
    url: str
    key: str

    def judge(self, database: Database, actor: Identity, at: datetime) -> Ruling[Witness]:
        permissions.require_admin(actor, "add witnesses")
        witness = Witness(self.id, _read_url(self.url), _read_key(self.key), at)
        if any(each.key.text == self.key for each in rows.list_all(database)):
            title = f"There is a witness with this key of {witness.key.name} already."
            raise Refused(Code.WITNESS_EXISTS, title)
        if witness.key.name in {each.origin for each in log_keys.list_all(database)}:
            title = (
                f"key: {witness.key.name} is the name of a log of this server, not of a witness."
            )
            raise invalid("key", title)
        details = {"id": self.id, "url": witness.url, "key": self.key}

        def apply(database: Database, caller: Caller, at: datetime) -> Witness:
            rows.insert(database, witness)
            record(database, caller, self.action, witness.key.name, at=at, details=details)
            return witness

        return Ruling(
            subject=witness.key.name,
            needs=consents.of_second_admin(database, actor),
            rests_on=(),
            apply=apply,
            details=details,
        )


@dataclass(frozen=True, slots=True)
class RemoveWitness(Change[None]):
    """Refused 403 admin_required, 404 witness_not_found."""

    action: ClassVar[Action] = Action.WITNESS_REMOVE

    id: str

    def judge(self, database: Database, actor: Identity, at: datetime) -> Ruling[None]:
        permissions.require_admin(actor, "remove witnesses")
        witness = next((each for each in rows.list_all(database) if each.id == self.id), None)
        if witness is None:
            raise not_found("witness", self.id)
        name = witness.key.name
        details = {"id": self.id, "url": witness.url, "key": witness.key.text}

        def apply(database: Database, caller: Caller, at: datetime) -> None:
            rows.delete(database, self.id)
            record(database, caller, self.action, name, at=at, details=details)

        return Ruling(
            subject=name,
            needs=consents.of_second_admin(database, actor),
            rests_on=(self.id,),
            apply=apply,
            details=details,
        )


def _read_url(text: str) -> str:
    try:
        return read_url(text)
    except ValueError as fault:
        raise invalid("url", f"url: {fault}.") from None


def _read_key(text: str) -> WitnessKey:
    try:
        return read_key(text)
    except ValueError as fault:
        raise invalid("key", f"key: {fault}.") from None


def _place(view: WitnessView) -> str:
    return f"{view.witness.key.name} {view.witness.id}"
