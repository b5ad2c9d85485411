"""Signers, their key pairs and certificates as rows."""

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Any

from peewee import Database, ModelSelect, fn

from controlplane.domain.identifier import new_id
from controlplane.domain.instant import to_text
from controlplane.domain.keys import KeyedSigner, KeyReference, Purpose
from controlplane.domain.model import (
    Certificate,
    Group,
    Identity,
    MemberRole,
    Policy,
    Signer,
)
from controlplane.store import policies, rows
from controlplane.store.batches import batches
from controlplane.store.mapping import as_json, shared
from controlplane.store.members import auditors_of_each, roles_of
from controlplane.store.named import policies_naming
from controlplane.store.state import altered
from controlplane.store.tables import (
    CertificateRow,
    GroupMemberRow,
    KeyRow,
    MemberRow,
    SignerRow,
)

_SIGNER = shared(Signer, SignerRow)
_CERTIFICATE = shared(Certificate, CertificateRow, chain=as_json(tuple[bytes, ...]))


def insert(database: Database, signer: Signer, key: KeyReference) -> None:
    """Without a certificate."""
    policy_id = signer.policy.id if signer.policy else None
    columns = _SIGNER.write(signer) | {"key_id": key.id, "policy_id": policy_id}
    rows.insert(database, SignerRow, columns)
    insert_key(database, key, signer.created_at)


def insert_key(database: Database, key: KeyReference, at: datetime) -> None:
    columns = {
        "id": key.id,
        "signer_id": key.owner,
        "public_key": key.public_key,
        "handle": key.handle,
        "created_at": to_text(at),
    }
    rows.insert(database, KeyRow, columns)


def next_number(database: Database) -> int:
    """Above every number ever given."""
    return int(SignerRow.select(fn.MAX(SignerRow.number)).scalar(database) or 0) + 1


def set_disabled(database: Database, signer_id: str, disabled: bool) -> None:
    rows.update(database, SignerRow, SignerRow.id == signer_id, {"disabled": disabled})


def set_policy(database: Database, signer_id: str, policy: Policy | None) -> None:
    columns = {"policy_id": policy.id if policy else None}
    rows.update(database, SignerRow, SignerRow.id == signer_id, columns)


def set_next_key(database: Database, stored: KeyedSigner, key: KeyReference) -> None:
    """The pair that waited so far, if any, is forgotten."""
    if stored.next_key is not None:
        _forget_key(database, stored.next_key.id)
    rows.update(database, SignerRow, SignerRow.id == key.owner, {"next_key_id": key.id})


def use_certificate(
    database: Database,
    stored: KeyedSigner,
    key: KeyReference,
    certificate: Certificate,
    at: datetime,
) -> None:
    """From now on the signer signs with this key and certificate; another private key that it
    signed with is gone, its certificate stays."""
    certificate_id = new_id()
    columns = {"id": certificate_id, "key_id": key.id, "created_at": to_text(at)}
    rows.insert(database, CertificateRow, columns | _CERTIFICATE.write(certificate))
    waiting = stored.next_key
    still_waiting = waiting.id if waiting is not None and waiting.id != key.id else None
    now_used = {
        "key_id": key.id,
        "certificate_id": certificate_id,
        "next_key_id": still_waiting,
    }
    rows.update(database, SignerRow, SignerRow.id == key.owner, now_used)
    if stored.key.id != key.id:
        _forget_key(database, stored.key.id)


def set_deletion(database: Database, signer_id: str, at: datetime | None) -> None:
    """When it will be gone; None: it stays."""
    columns = {"deletes_at": None if at is None else to_text(at)}
    rows.update(database, SignerRow, SignerRow.id == signer_id, columns)


def find_due(database: Database, now: datetime) -> list[Signer]:
    """Those that are gone and not erased, by number."""
    kept = KeyRow.select().where((KeyRow.signer_id == SignerRow.id) & KeyRow.handle.is_null(False))
    query = SignerRow.select().where((SignerRow.deletes_at <= to_text(now)) & fn.EXISTS(kept))
    found = rows.load_sound(database, query, partial(_load, database))
    return sorted((each.signer for each in found), key=lambda signer: signer.number)


def erase(database: Database, signer_id: str) -> None:
    """Its private keys and members are gone, its policy is free; its name and number stay taken."""
    for members in (MemberRow, GroupMemberRow):
        rows.delete(database, members, members.signer_id == signer_id, may_lack=True)
    rows.update(database, KeyRow, KeyRow.signer_id == signer_id, {"handle": None})
    rows.update(database, SignerRow, SignerRow.id == signer_id, {"policy_id": None})


def is_name_taken(database: Database, name: str) -> bool:
    """By one that there is, or was."""
    return rows.find(database, SignerRow, name) is not None


def find(database: Database, name: str, now: datetime) -> KeyedSigner | None:
    row = rows.find(database, SignerRow, name)
    if row is None or (row.deletes_at is not None and row.deletes_at <= to_text(now)):
        return None
    return _load(database, [row])[0]


def list_after(
    database: Database, number: int, limit: int | None, now: datetime, *, seen_by: Identity | None
) -> list[KeyedSigner]:
    """By number, those after this one; `seen_by`: only those that it is a member of, or an
    approver of the policy of."""
    query = SignerRow.select().where((SignerRow.number > number) & is_there(now))
    if seen_by is not None:
        query = query.where(SignerRow.id.in_(_ids_seen_by(database, seen_by)))
    query = query.order_by(SignerRow.number).limit(limit)
    return rows.load_sound(database, query, partial(_load, database))


def common_names(database: Database, now: datetime) -> list[tuple[str, str]]:
    """Name and common name of each that the built-in CA certifies, by number."""
    has = SignerRow._meta.fields
    query = SignerRow.select(has["name"], has["common_name"]).where(
        ~has["external"] & is_there(now)
    )
    return list(query.order_by(SignerRow.number).tuples().execute(database))


def is_there(now: datetime) -> Any:
    """A condition: not gone, as Signer.is_gone has it."""
    return SignerRow.deletes_at.is_null() | (SignerRow.deletes_at > to_text(now))


def names_seen_by(database: Database, identity: Identity, now: datetime) -> "ModelSelect[Any]":
    """A query for those that membership or a policy's steps show to this identity."""
    return SignerRow.select(SignerRow.name).where(
        SignerRow.id.in_(_ids_seen_by(database, identity)) & is_there(now)
    )


def list_names(
    database: Database, now: datetime, limit: int, *, seen_by: Identity | None
) -> list[str]:
    """By name. Nothing rests on them."""
    query = SignerRow.select(SignerRow.name).where(is_there(now))
    if seen_by is not None:
        query = names_seen_by(database, seen_by, now)
    rows = query.order_by(SignerRow.name).limit(limit).tuples().execute(database)
    return [name for (name,) in rows]


def names_with_policy(
    database: Database,
    policy_id: str,
    now: datetime,
    *,
    seen_by: Identity | None,
    limit: int | None = None,
) -> tuple[str, ...]:
    """By name."""
    if seen_by is None:
        return tuple(sorted(row.name for row in _having(database, policy_id, now)))[:limit]
    query = SignerRow.select(SignerRow.name).where(
        (SignerRow.policy_id == policy_id) & is_there(now)
    )
    query = query.where(SignerRow.id.in_(_ids_seen_by(database, seen_by)))
    found = query.order_by(SignerRow.name).limit(limit).tuples().execute(database)
    return tuple(name for (name,) in found)


def _having(database: Database, policy_id: str, now: datetime) -> list[SignerRow]:
    """Those with this policy. Who may loosen it rests on that: so none may hide."""
    gone = to_text(now)
    return [
        row
        for row in rows.everything(database, SignerRow)
        if row.policy_id == policy_id and (row.deletes_at is None or row.deletes_at > gone)
    ]


def names_lacking_policy(database: Database, now: datetime, *, protected: bool) -> tuple[str, ...]:
    """By name: those without a policy, or without a protected one."""
    gone = to_text(now)
    there = (
        row
        for row in rows.everything(database, SignerRow)
        if row.deletes_at is None or row.deletes_at > gone
    )
    found = sorted(there, key=lambda row: str(row.name))
    attached = policies.find_all(database, {row.policy_id for row in found if row.policy_id})
    return tuple(
        row.name
        for row in found
        if row.policy_id is None or (protected and not attached[row.policy_id].terms.protected)
    )


def auditors_with_policy(
    database: Database, policy_id: str, now: datetime
) -> dict[str, frozenset[str]]:
    """By the name of each signer that has it, in order of names: the ids of its auditors."""
    having = sorted(_having(database, policy_id, now), key=lambda row: str(row.name))
    auditors = auditors_of_each(database, [row.id for row in having])
    return {row.name: auditors[row.id] for row in having}


def with_group(database: Database, group: Group, now: datetime) -> list[tuple[Signer, MemberRole]]:
    """By name, those that it is a member of, with its role."""
    roles = {
        row.signer_id: MemberRole(row.role)
        for row in rows.everything(database, GroupMemberRow)
        if row.group_id == group.id
    }
    theirs = SignerRow.select().where(SignerRow.id.in_(list(roles)) & is_there(now))
    found = _load(database, rows.select(database, theirs.order_by(SignerRow.name)))
    return [(each.signer, roles[each.signer.id]) for each in found]


def _ids_seen_by(database: Database, identity: Identity) -> "ModelSelect[Any]":
    """By what was read here, not by what a view of the store says."""
    member = SignerRow.id.in_(list(roles_of(database, identity.id)))
    approver = SignerRow.policy_id.in_(policies_naming(database, identity))
    return SignerRow.select(SignerRow.id).where(member | approver)


def _forget_key(database: Database, key_id: str) -> None:
    rows.update(database, KeyRow, KeyRow.id == key_id, {"handle": None})


def _load(database: Database, found: Sequence[SignerRow]) -> list[KeyedSigner]:
    loaded = []
    for some in batches(found):
        key_ids = [row.key_id for row in some] + [row.next_key_id for row in some]
        wanted = [key_id for key_id in key_ids if key_id is not None]
        keys = {
            row.id: row
            for row in rows.select(database, KeyRow.select().where(KeyRow.id.in_(wanted)))
        }
        certificate_ids = [row.certificate_id for row in some if row.certificate_id is not None]
        query = CertificateRow.select().where(CertificateRow.id.in_(certificate_ids))
        certificates = {row.id: row for row in rows.select(database, query)}
        policy_ids = {row.policy_id for row in some if row.policy_id is not None}
        attached = policies.find_all(database, policy_ids)
        loaded += [
            KeyedSigner(
                _SIGNER.read(
                    row,
                    public_key=_key(row, keys.get(row.key_id)).public_key,
                    certificate=_certificate(row, certificates.get(row.certificate_id)),
                    policy=attached[row.policy_id] if row.policy_id else None,
                ),
                _key(row, keys.get(row.key_id)),
                _key(row, keys.get(row.next_key_id)) if row.next_key_id else None,
            )
            for row in some
        ]
    return loaded


def _key(of: SignerRow, row: KeyRow | None) -> KeyReference:
    """Bound to the signer that it is read for, whatever its own row says. Raises Altered."""
    if row is None or row.handle is None:
        raise altered(f"the key of signers/{of.name}")
    return KeyReference(row.id, of.id, Purpose.SIGNER, bytes(row.public_key), bytes(row.handle))


def _certificate(of: SignerRow, row: CertificateRow | None) -> Certificate | None:
    """Of the key that the signer has. Raises Altered."""
    if row is None and of.certificate_id is None:
        return None
    if row is None or row.key_id != of.key_id:
        raise altered(f"the certificate of signers/{of.name}")
    return _CERTIFICATE.read(row)
