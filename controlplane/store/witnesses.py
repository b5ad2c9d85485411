"""Witnesses as rows, and how it goes with each."""

from collections.abc import Iterable

from peewee import Database

from controlplane.domain.instant import from_text, to_text
from controlplane.domain.witness import Cosignature, Standing, Witness, read_key
from controlplane.errors import Altered
from controlplane.store import rows
from controlplane.store.dialect import ask, place
from controlplane.store.tables import WitnessRow, WitnessStandingRow

_PUT = """
    INSERT INTO witness_standings
    (witness_id, note, line, signed_at, succeeded_at, failed_at, failure)
    VALUES (?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (witness_id) DO UPDATE SET note = excluded.note, line = excluded.line,
    signed_at = excluded.signed_at, succeeded_at = excluded.succeeded_at,
    failed_at = excluded.failed_at, failure = excluded.failure
"""


def insert(database: Database, witness: Witness) -> None:
    columns = {
        "id": witness.id,
        "url": witness.url,
        "key": witness.key.text,
        "created_at": to_text(witness.created_at),
    }
    rows.insert(database, WitnessRow, columns)


def delete(database: Database, witness_id: str) -> None:
    rows.delete(database, WitnessRow, WitnessRow.id == witness_id)
    WitnessStandingRow.delete().where(WitnessStandingRow.witness_id == witness_id).execute(database)


def list_all(database: Database) -> list[Witness]:
    """By the name of their key. Raises Altered."""
    return _witnesses(rows.everything(database, WitnessRow))


def list_sound(database: Database) -> list[Witness]:
    """Those that are as they were left; for who shows, or asks, as many as there are."""
    try:
        return _witnesses(rows.select_sound(database, WitnessRow.select()))
    except Altered:  # not even readable
        return []


def standings(database: Database) -> dict[str, Standing]:
    """By the id of the witness. Nothing proves them but the signature in each; one that cannot be
    read is as if it were not there."""
    found = {each.id: _standing(database, each.id) for each in list_sound(database)}
    return {id_: standing for id_, standing in found.items() if standing is not None}


def put_standing(database: Database, witness_id: str, standing: Standing) -> None:
    signed = standing.cosignature
    times = (standing.succeeded_at, standing.failed_at)
    succeeded_at, failed_at = (None if at is None else to_text(at) for at in times)
    said = (None, None, None) if signed is None else (signed.note, signed.line, to_text(signed.at))
    values = (witness_id, *said, succeeded_at, failed_at, standing.failure)
    ask(database, place(database, _PUT), values)


def _witnesses(found: Iterable[WitnessRow]) -> list[Witness]:
    made = [Witness(row.id, row.url, read_key(row.key), from_text(row.created_at)) for row in found]
    return sorted(made, key=lambda witness: (witness.key.name, witness.id))


def _standing(database: Database, witness_id: str) -> Standing | None:
    """Apart from those of others: one that is spoilt hides no other."""
    table = WitnessStandingRow
    try:
        found = rows.fetch(database, table.select().where(table.witness_id == witness_id))
    except Altered:
        return None
    return _read(found[0]) if found else None


def _read(row: WitnessStandingRow) -> Standing:
    try:
        signed = None
        if row.note is not None and row.line is not None and row.signed_at is not None:
            signed = Cosignature(row.note, row.line, from_text(row.signed_at))
        succeeded_at, failed_at = (
            None if text is None else from_text(text) for text in (row.succeeded_at, row.failed_at)
        )
    except (ValueError, TypeError):
        return Standing()
    return Standing(signed, succeeded_at, failed_at, row.failure)
