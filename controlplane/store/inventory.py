"""Everything that rows of the log tell of, as it stands in the tables: under the names that rows
call it, with the fields that they tell."""

from collections.abc import Iterator, Mapping
from dataclasses import fields
from typing import Any

import msgspec
from peewee import Database, Model

from controlplane.domain.model import Terms
from controlplane.domain.names import GROUP_MARK
from controlplane.domain.operation import DetailValue
from controlplane.domain.policy import describe_terms
from controlplane.store.tables import (
    ApiKeyRow,
    CertificateRow,
    DecisionRow,
    EnrolmentRow,
    GrantRow,
    GroupMemberRow,
    GroupRow,
    GroupUserRow,
    IdentityRow,
    MemberRow,
    PolicyRow,
    ProposalDecisionRow,
    ProposalRow,
    RequestRow,
    SettingRow,
    SignerRow,
)

Name = tuple[str, ...]
Fields = Mapping[str, DetailValue]

_TERMS = tuple(each.name for each in fields(Terms))
_terms = msgspec.json.Decoder(Terms).decode


def read_everything(database: Database) -> Iterator[tuple[Name, Fields]]:
    """Nouns and names as `audit.replay` has them; times as text, octets left out. `terms` is
    `unreadable` where they are no terms, in place of what they would say."""
    for read in (_people, _groups, _signers, _policies, _ballots, _grants, _settings):
        yield from read(database)


def _people(database: Database) -> Iterator[tuple[Name, Fields]]:
    for row in _each(database, IdentityRow):
        yield ("identity", row["name"]), row
    identities = _names(database, IdentityRow)
    for table, noun in ((ApiKeyRow, "API key"), (EnrolmentRow, "enrolment")):
        for row in _each(database, table):
            yield (noun, row["id"]), row | {"identity": identities.get(row["identity_id"])}


def _groups(database: Database) -> Iterator[tuple[Name, Fields]]:
    for row in _each(database, GroupRow):
        yield ("group", row["name"]), row
    groups, identities = _names(database, GroupRow), _names(database, IdentityRow)
    for row in _each(database, GroupUserRow):
        group, user = groups.get(row["group_id"], "?"), identities.get(row["identity_id"], "?")
        yield ("user", group, user), row


def _signers(database: Database) -> Iterator[tuple[Name, Fields]]:
    certificates = CertificateRow.select(CertificateRow.id, CertificateRow.serial)
    serials = dict(certificates.tuples().execute(database))
    for row in _each(database, SignerRow):
        serial = serials.get(row["certificate_id"])
        yield ("signer", row["name"]), row | {"certificate_serial": serial}
    signers, identities = _names(database, SignerRow), _names(database, IdentityRow)
    for row in _each(database, MemberRow):
        member = identities.get(row["identity_id"], "?")
        yield ("member", signers.get(row["signer_id"], "?"), member), row
    groups = _names(database, GroupRow)
    for row in _each(database, GroupMemberRow):
        member = GROUP_MARK + groups.get(row["group_id"], "?")
        yield ("member", signers.get(row["signer_id"], "?"), member), row


def _policies(database: Database) -> Iterator[tuple[Name, Fields]]:
    for row in _each(database, PolicyRow):
        yield ("policy", row["id"]), row | _described(row["terms"])


def _ballots(database: Database) -> Iterator[tuple[Name, Fields]]:
    for row in _each(database, RequestRow):
        yield ("request", row["id"]), row | _described(row["terms"])
    for row in _each(database, ProposalRow):
        yield ("proposal", row["id"]), row
    for table, noun in ((DecisionRow, "request"), (ProposalDecisionRow, "proposal")):
        for row in _each(database, table):
            step = str(row["step"] + 1) if isinstance(row["step"], int) else str(row["step"])
            yield ("decision", noun, row[f"{noun}_id"], step, row["approver"]), row


def _grants(database: Database) -> Iterator[tuple[Name, Fields]]:
    for row in _each(database, GrantRow):
        yield ("grant", row["id"]), row


def _settings(database: Database) -> Iterator[tuple[Name, Fields]]:
    for row in _each(database, SettingRow):
        yield ("setting", row["name"]), row


def _each(database: Database, table: type[Model]) -> Iterator[dict[str, Any]]:
    yield from table.select().dicts().iterator(database)


def _names(database: Database, table: type[Model]) -> dict[str, str]:
    """By id."""
    has = table._meta.fields
    return dict(table.select(has["id"], has["name"]).tuples().execute(database))


def _described(terms: Any) -> dict[str, Any]:
    try:
        return describe_terms(_terms(terms))
    except (msgspec.DecodeError, TypeError):
        return dict.fromkeys(_TERMS, "unreadable")
