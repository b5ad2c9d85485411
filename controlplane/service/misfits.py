"""What of the state does not fit the log that should have led to it: of a store whose rows do not
name the objects that they leave behind, before it is believed."""

import itertools
from collections.abc import Iterator, Mapping
from typing import Any

import structlog
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from peewee import Database

from controlplane.audit.replay import Name, Objects, Told, replay
from controlplane.certificates.reading import describe, parse_certificate
from controlplane.domain.instant import to_text
from controlplane.domain.operation import DetailValue
from controlplane.domain.policy import count
from controlplane.domain.text import REPLACEMENT, shorten
from controlplane.errors import Code, Refused
from controlplane.store.change_rows import ChangeRow, count_signings, read_changes
from controlplane.store.database import read_head
from controlplane.store.inventory import Fields, read_everything
from controlplane.store.tables import CertificateRow, KeyRow, SignerRow

LAST_SCHEMA_WITHOUT_OBJECTS = 13
_MOST_TOLD = 20
_MOST_CHARACTERS = 120  # of a value
_OF_A_CERTIFICATE = ("serial", "subject", "issuer", "not_before", "not_after")
_log = structlog.get_logger()


def settle_misfits(
    database: Database, store: str, before: int, accept: str | None
) -> Mapping[str, DetailValue]:
    """What the row of an upgrade from the schema `before` says of them: `misfits`, how many, and
    the first ones in words. Within the write of the upgrade. `accept`: the head of the log as
    whoever lets them stand has read it. Refused state_altered."""
    if before > LAST_SCHEMA_WITHOUT_OBJECTS:
        return {}
    misfits = find_misfits(database)
    head = read_head(database).row_hash
    told = "; ".join(misfits[:_MOST_TOLD])
    more = len(misfits) - _MOST_TOLD
    if more > 0:
        told += f"; and {more} more"
    if misfits and accept != head:
        raise Refused(
            Code.STATE_ALTERED,
            f"The state in the store {store} is not what its log led to: {told}. Somebody changed "
            "it past the server. Nothing was upgraded. Restore a backup in which all fits; or "
            "let it stand as it is, once you know who did what: start the server once with "
            f"--accept-rollback {head}, the head of the log.",
        )
    for each in misfits:
        _log.warning("misfit_accepted", misfit=each)
    return {"misfits": len(misfits), "first_misfits": told or None}


def find_misfits(database: Database) -> list[str]:
    """Sentences without a full stop, none where all fits. Within a transaction.

    What such rows do not tell is not compared: the hashes of API keys and codes, what pending
    proposals would do, private keys, and chains of certificates. Nor is it looked whether the log
    itself is intact: `sealwright audit verify` does that.
    """
    unreadable: list[str] = []
    objects = replay(_readable(read_changes(database), unreadable))
    found = (
        unreadable,
        _altered(database, objects),
        (_gone(name, told) for name, told in objects.left()),
        _exchanged(database),
    )
    return [_printable(each) for each in itertools.chain.from_iterable(found)]


def _readable(rows: Iterator[ChangeRow], unreadable: list[str]) -> Iterator[ChangeRow]:
    for row in rows:
        if row.action is None:
            unreadable.append(f"row {row.sequence} cannot be read")
        else:
            yield row


def _altered(database: Database, objects: Objects) -> Iterator[str]:
    """Of what is there. What is there is taken out of `objects`."""
    signings = dict(count_signings(database))
    for name, fields in read_everything(database):
        told, spelled = objects.pop(name), _spell(name, fields)
        if told is None:
            yield f"{spelled} is there, but no row made it"
            continue
        for each, value in told.fields.items():
            if fields[each] != value:
                yield (
                    f"{spelled}: {each} is {_show(fields[each])}, but row {told.row_of(each)} "
                    f"says {_show(value)}"
                )
        if name[0] == "grant" and fields["used"] != (number := signings.get(name[1], 0)):
            rows = count(number, "row")
            yield f"{spelled}: used is {_show(fields['used'])}, but {rows} signed under it"


def _gone(name: Name, told: Told) -> str:
    return f"{_spell(name, told.fields)} is not there, but row {told.made} made it"


def _exchanged(database: Database) -> Iterator[str]:
    """Of keys and certificates, which rows tell little of: what contradicts itself."""
    keys = {row.id: row for row in KeyRow.select().execute(database)}
    certificates = {row.id: row for row in CertificateRow.select().execute(database)}
    for row in SignerRow.select().order_by(SignerRow.number).execute(database):
        for key_id in filter(None, (row.key_id, row.next_key_id)):
            if key_id not in keys or keys[key_id].signer_id != row.id:
                yield f"signer {row.name}: its key {key_id} is none that was made for it"
        certificate = certificates.get(row.certificate_id)
        if certificate is not None and certificate.key_id != row.key_id:
            yield f"signer {row.name}: its certificate {certificate.serial} is of another key"
        elif certificate is None and row.certificate_id is not None:
            yield f"signer {row.name}: its certificate {row.certificate_id} is not there"
    for certificate in certificates.values():
        yield from _contradictions(certificate, keys)


def _contradictions(row: CertificateRow, keys: Mapping[str, Any]) -> Iterator[str]:
    spelled = f"certificate {row.serial}"
    try:
        leaf = parse_certificate(bytes(row.der))
        public_key = leaf.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        found = describe(leaf, ())
    except ValueError:
        yield f"{spelled} cannot be read"
        return
    said = {each: getattr(found, each) for each in _OF_A_CERTIFICATE}
    said |= {each: to_text(said[each]) for each in ("not_before", "not_after")}
    for each, value in said.items():
        if getattr(row, each) != value:
            yield f"{spelled}: {each} is {_show(getattr(row, each))}, but it says {_show(value)}"
    if row.key_id not in keys or bytes(keys[row.key_id].public_key) != public_key:
        yield f"{spelled} is of another key than {row.key_id}"


def _spell(name: Name, fields: Fields) -> str:
    match name:
        case ("API key" | "enrolment", _):
            return f"{name[0]} {name[1]} of {fields['identity']}"
        case ("policy", _):
            return f"policy {fields['name']}"
        case ("user", group, user):
            return f"user {user} of the group {group}"
        case ("member", signer, member):
            return f"member {member} of the signer {signer}"
        case ("decision", noun, ballot, step, approver):
            return f"decision of {approver} on step {step} of the {noun} {ballot}"
    return " ".join(map(str, name))


def _show(value: DetailValue) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "yes" if value else "no"
    return shorten(str(value), _MOST_CHARACTERS)


def _printable(sentence: str) -> str:
    """Whatever somebody put into a table."""
    return "".join(each if each.isprintable() else REPLACEMENT for each in sentence)
