"""Signers, their key pairs and certificates as rows."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from peewee import JOIN, CompoundSelectQuery, Database, ModelSelect, fn

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
from controlplane.store import policies
from controlplane.store.batches import batches
from controlplane.store.mapping import as_json, shared
from controlplane.store.tables import (
    CertificateRow,
    GroupMemberRow,
    KeyRow,
    MemberRow,
    MembershipRow,
    PolicyPersonRow,
    SignerRow,
)

_SIGNER = shared(Signer, SignerRow)
_CERTIFICATE = shared(Certificate, CertificateRow, chain=as_json(tuple[bytes, ...]))


def insert(database: Database, signer: Signer, key: KeyReference) -> None:
    """Without a certificate."""
    policy_id = signer.policy.id if signer.policy else None
    columns = _SIGNER.write(signer) | {"key_id": key.id, "policy_id": policy_id}
    SignerRow.insert(columns).execute(database)
    insert_key(database, key, signer.created_at)


def insert_key(database: Database, key: KeyReference, at: datetime) -> None:
    KeyRow.insert(
        id=key.id,
        signer_id=key.owner,
        public_key=key.public_key,
        handle=key.handle,
        created_at=to_text(at),
    ).execute(database)


def next_number(database: Database) -> int:
    """Above every number ever given."""
    return int(SignerRow.select(fn.MAX(SignerRow.number)).scalar(database) or 0) + 1


def set_disabled(database: Database, signer_id: str, disabled: bool) -> None:
    SignerRow.update(disabled=disabled).where(SignerRow.id == signer_id).execute(database)


def set_policy(database: Database, signer_id: str, policy: Policy | None) -> None:
    SignerRow.update(policy_id=policy.id if policy else None).where(
        SignerRow.id == signer_id
    ).execute(database)


def set_next_key(database: Database, stored: KeyedSigner, key: KeyReference) -> None:
    """The pair that waited so far, if any, is forgotten."""
    if stored.next_key is not None:
        _forget_key(database, stored.next_key.id)
    SignerRow.update(next_key_id=key.id).where(SignerRow.id == key.owner).execute(database)


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
    CertificateRow.insert(columns | _CERTIFICATE.write(certificate)).execute(database)
    waiting = stored.next_key
    still_waiting = waiting.id if waiting is not None and waiting.id != key.id else None
    SignerRow.update(key_id=key.id, certificate_id=certificate_id, next_key_id=still_waiting).where(
        SignerRow.id == key.owner
    ).execute(database)
    if stored.key.id != key.id:
        _forget_key(database, stored.key.id)


def set_deletion(database: Database, signer_id: str, at: datetime | None) -> None:
    """When it will be gone; None: it stays."""
    SignerRow.update(deletes_at=None if at is None else to_text(at)).where(
        SignerRow.id == signer_id
    ).execute(database)


def find_due(database: Database, now: datetime) -> list[Signer]:
    """Those that are gone and not erased, by number."""
    kept = KeyRow.select().where((KeyRow.signer_id == SignerRow.id) & KeyRow.handle.is_null(False))
    query = SignerRow.select().where((SignerRow.deletes_at <= to_text(now)) & fn.EXISTS(kept))
    found = _load(database, list(query.execute(database)))
    return sorted((each.signer for each in found), key=lambda signer: signer.number)


def erase(database: Database, signer_id: str) -> None:
    """Its private keys and members are gone, its policy is free; its name and number stay taken."""
    for members in (MemberRow, GroupMemberRow):
        members.delete().where(members.signer_id == signer_id).execute(database)
    KeyRow.update(handle=None).where(KeyRow.signer_id == signer_id).execute(database)
    SignerRow.update(policy_id=None).where(SignerRow.id == signer_id).execute(database)


def is_name_taken(database: Database, name: str) -> bool:
    """By one that there is, or was."""
    return bool(SignerRow.select().where(SignerRow.name == name).exists(database))


def find(database: Database, name: str, now: datetime) -> KeyedSigner | None:
    row = SignerRow.select().where((SignerRow.name == name) & is_there(now)).first(database)
    return _load(database, [row])[0] if row is not None else None


def list_after(
    database: Database, number: int, limit: int | None, now: datetime, *, seen_by: Identity | None
) -> list[KeyedSigner]:
    """By number, those after this one; `seen_by`: only those that it is a member of, or an
    approver of the policy of."""
    query = SignerRow.select().where((SignerRow.number > number) & is_there(now))
    if seen_by is not None:
        query = query.where(SignerRow.id.in_(_ids_seen_by(seen_by)))
    rows = query.order_by(SignerRow.number).limit(limit).execute(database)
    return _load(database, list(rows))


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


def names_seen_by(identity: Identity, now: datetime) -> "ModelSelect[Any]":
    """A query for those that membership or a policy's steps show to this identity."""
    return SignerRow.select(SignerRow.name).where(
        SignerRow.id.in_(_ids_seen_by(identity)) & is_there(now)
    )


def names_with_policy(
    database: Database,
    policy_id: str,
    now: datetime,
    *,
    seen_by: Identity | None,
    limit: int | None = None,
) -> tuple[str, ...]:
    """By name."""
    query = SignerRow.select(SignerRow.name).where(
        (SignerRow.policy_id == policy_id) & is_there(now)
    )
    if seen_by is not None:
        query = query.where(SignerRow.id.in_(_ids_seen_by(seen_by)))
    rows = query.order_by(SignerRow.name).limit(limit).tuples().execute(database)
    return tuple(name for (name,) in rows)


def names_lacking_policy(database: Database, now: datetime, *, protected: bool) -> tuple[str, ...]:
    """By name: those without a policy, or without a protected one."""
    query = SignerRow.select(SignerRow.name, SignerRow.policy_id).where(is_there(now))
    rows = list(query.order_by(SignerRow.name).tuples().execute(database))
    attached = policies.find_all(database, {each for _, each in rows if each is not None})
    return tuple(
        name
        for name, policy_id in rows
        if policy_id is None or (protected and not attached[policy_id].terms.protected)
    )


def auditors_with_policy(
    database: Database, policy_id: str, now: datetime
) -> dict[str, frozenset[str]]:
    """By the name of each signer that has it, in order of names: the ids of its auditors."""
    is_auditor = (MembershipRow.signer_id == SignerRow.id) & (
        MembershipRow.role == MemberRole.AUDITOR.value
    )
    rows = (
        SignerRow.select(SignerRow.name, MembershipRow.identity_id)
        .join(MembershipRow, JOIN.LEFT_OUTER, on=is_auditor)
        .where((SignerRow.policy_id == policy_id) & is_there(now))
        .order_by(SignerRow.name)
        .tuples()
        .execute(database)
    )
    found: dict[str, set[str]] = {}
    for name, auditor in rows:
        auditors = found.setdefault(name, set())
        if auditor is not None:
            auditors.add(auditor)
    return {name: frozenset(auditors) for name, auditors in found.items()}


def with_group(database: Database, group: Group, now: datetime) -> list[tuple[Signer, MemberRole]]:
    """By name, those that it is a member of, with its role."""
    query = GroupMemberRow.select().where(GroupMemberRow.group_id == group.id)
    roles = {row.signer_id: MemberRole(row.role) for row in query.execute(database)}
    rows = SignerRow.select().where(SignerRow.id.in_(list(roles)) & is_there(now))
    found = _load(database, list(rows.order_by(SignerRow.name).execute(database)))
    return [(each.signer, roles[each.signer.id]) for each in found]


def _ids_seen_by(identity: Identity) -> "CompoundSelectQuery":
    member = MembershipRow.select(MembershipRow.signer_id).where(
        MembershipRow.identity_id == identity.id
    )
    approver = (
        SignerRow.select(SignerRow.id)
        .join(PolicyPersonRow, on=(PolicyPersonRow.policy_id == SignerRow.policy_id))
        .where(PolicyPersonRow.identity == identity.name)
    )
    return member | approver


def _forget_key(database: Database, key_id: str) -> None:
    KeyRow.update(handle=None).where(KeyRow.id == key_id).execute(database)


def _load(database: Database, rows: Sequence[SignerRow]) -> list[KeyedSigner]:
    loaded = []
    for some in batches(rows):
        key_ids = [row.key_id for row in some] + [row.next_key_id for row in some]
        wanted = [key_id for key_id in key_ids if key_id is not None]
        keys = {
            row.id: KeyReference(
                row.id, row.signer_id, Purpose.SIGNER, bytes(row.public_key), bytes(row.handle)
            )
            for row in KeyRow.select().where(KeyRow.id.in_(wanted)).execute(database)
        }
        certificate_ids = [row.certificate_id for row in some if row.certificate_id is not None]
        certificates = {
            row.id: _CERTIFICATE.read(row)
            for row in CertificateRow.select()
            .where(CertificateRow.id.in_(certificate_ids))
            .execute(database)
        }
        policy_ids = {row.policy_id for row in some if row.policy_id is not None}
        attached = policies.find_all(database, policy_ids)
        loaded += [
            KeyedSigner(
                _SIGNER.read(
                    row,
                    public_key=keys[row.key_id].public_key,
                    certificate=certificates.get(row.certificate_id),
                    policy=attached[row.policy_id] if row.policy_id else None,
                ),
                keys[row.key_id],
                keys[row.next_key_id] if row.next_key_id else None,
            )
            for row in some
        ]
    return loaded
