"""Objects: rows that decisions rest on, each with a name that it keeps and the SHA-256 of what it
says. docs/audit.md has both in words.

The hash is over `sealwright-object-v1`, a line feed, and canonical JSON of the table's name and the
columns that are not null, octets as base64: so a column that a later version adds changes the hash
of no row that has nothing in it.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

import msgspec
from peewee import BlobField, BooleanField, Database, Model

from controlplane.domain.model import Approval
from controlplane.store import tables

_FIRST_LINE = b"sealwright-object-v1\n"
_encode = msgspec.json.Encoder(order="sorted").encode


@dataclass(frozen=True, slots=True)
class Kind:
    """A table whose rows are objects.

    `named_by`: columns that no row ever changes, and that are its own among those of its table.
    `whole`: what has the same first of them are looked up together, so none may be missing;
    `listed`: so are all that there are.
    `beside`: columns that are no part of the object; `in_part`: those of which the object has what
    this makes of them.
    """

    table: type[Model]
    named_by: tuple[str, ...]
    whole: bool = False
    listed: bool = False
    beside: tuple[str, ...] = ()
    in_part: Mapping[str, Callable[[str], object]] = field(default_factory=dict)

    @property
    def title(self) -> str:
        return str(self.table._meta.table_name)

    def name(self, columns: Mapping[str, Any]) -> str:
        return "/".join([self.title, *(str(columns[each]) for each in self.named_by)])


def _without_hashes(approvals: str) -> object:
    """That of a row which lists the grant cannot be in its hash; the number says which it is."""
    try:
        read = msgspec.json.decode(approvals, type=list[Approval])
    except msgspec.MsgspecError as error:
        raise ValueError("approvals are listed") from error
    return [[each.approver, each.sequence] for each in read]


_KINDS = (
    Kind(tables.Installation, ("id",), beside=("epoch",)),
    Kind(tables.AcceptedClockRow, ("id",)),
    Kind(tables.SettingRow, ("name",)),
    Kind(tables.IdentityRow, ("name",), listed=True),
    Kind(tables.ApiKeyRow, ("identity_id", "id"), whole=True, listed=True),
    Kind(tables.EnrolmentRow, ("identity_id", "id"), whole=True, listed=True),
    Kind(tables.GroupRow, ("name",)),
    Kind(tables.GroupUserRow, ("group_id", "identity_id"), whole=True),
    Kind(tables.SignerRow, ("name",), listed=True),
    Kind(tables.KeyRow, ("signer_id", "id")),
    Kind(tables.CertificateRow, ("key_id", "id")),
    Kind(tables.MemberRow, ("signer_id", "identity_id"), whole=True),
    Kind(tables.GroupMemberRow, ("signer_id", "group_id"), whole=True, listed=True),
    Kind(tables.AuthorityRow, ("id",), listed=True),
    Kind(tables.LogKeyRow, ("id",), listed=True),
    Kind(tables.TimestampingRow, ("id",), listed=True),
    Kind(tables.PolicyRow, ("name",), listed=True),
    Kind(tables.PolicyApproverRow, ("policy_id", "identity"), listed=True),
    Kind(tables.PolicyGroupRow, ("policy_id", "group_id"), whole=True, listed=True),
    Kind(tables.PolicyChangeRow, ("id",)),
    Kind(tables.RequestRow, ("id",), listed=True),
    Kind(tables.RequestApproverRow, ("request_id", "identity")),
    Kind(tables.DecisionRow, ("request_id", "step", "approver"), whole=True, listed=True),
    Kind(
        tables.GrantRow,
        ("id",),
        listed=True,
        beside=("used",),
        in_part={"approvals": _without_hashes},
    ),
    Kind(tables.ProposalRow, ("id",), listed=True),
    Kind(tables.ProposalApproverRow, ("proposal_id", "identity")),
    Kind(tables.ProposalDecisionRow, ("proposal_id", "step", "approver"), whole=True, listed=True),
    Kind(tables.WitnessRow, ("id",), listed=True),
)

KINDS: Mapping[type[Model], Kind] = {kind.table: kind for kind in _KINDS}
_WHOLE = frozenset(kind.title for kind in _KINDS if kind.whole)
_LISTED = frozenset(kind.title for kind in _KINDS if kind.listed)


def families_of(name: str) -> tuple[str, ...]:
    """Of those that an object is looked up with."""
    title, _, rest = name.partition("/")
    whole = (f"{title}/{rest.partition('/')[0]}",) if title in _WHOLE else ()
    return (*whole, title) if title in _LISTED else whole


def hash_object(kind: Kind, columns: Mapping[str, Any]) -> bytes:
    """`columns` by name, as Python has them; those that it lacks are null. TypeError, ValueError of
    what no column holds."""
    said: dict[str, Any] = {
        name: bytes(value) if isinstance(value, memoryview) else value
        for name, value in columns.items()
        if value is not None and name not in kind.beside
    }
    for name, make in kind.in_part.items():
        if name in said:
            said[name] = make(said[name])
    return sha256(_FIRST_LINE + _encode([kind.title, said])).digest()


@dataclass(frozen=True, slots=True)
class Found:
    """An object as it stands in the store; `hash` None where a column holds what none can."""

    kind: Kind
    name: str
    hash: bytes | None
    used: int = 0  # of a grant


def scan(database: Database) -> Iterator[Found]:
    """Every object that there is."""
    for kind in _KINDS:
        yield from scan_table(database, kind)


def scan_table(database: Database, kind: Kind) -> Iterator[Found]:
    """Past Peewee, which would take most of the time."""
    fields = kind.table._meta.fields
    names = list(fields)
    read = [
        (names.index(name), _READ[type(fields[name])])
        for name in names
        if type(fields[name]) in _READ
    ]
    listed = ", ".join(f'"{each}"' for each in names)
    cursor = database.execute_sql(f'SELECT {listed} FROM "{kind.title}"')  # type: ignore[no-untyped-call]  # noqa: S608
    for row in cursor:
        yield _found(kind, names, read, list(row))


def _found(
    kind: Kind, names: list[str], read: list[tuple[int, Callable[[Any], Any]]], row: list[Any]
) -> Found:
    try:
        for place, form in read:
            if row[place] is not None:
                row[place] = form(row[place])
        columns = dict(zip(names, row, strict=True))
        found = hash_object(kind, columns)
        used = columns.get("used", 0)
        if type(used) is not int:
            raise TypeError("a number of signings is a number")
    except (TypeError, ValueError, KeyError):
        columns = dict(zip(names, row, strict=True))
        return Found(kind, kind.name(columns), None)
    return Found(kind, kind.name(columns), found, used)


_READ: Mapping[type, Callable[[Any], Any]] = {
    BooleanField: {0: False, 1: True}.__getitem__,
    BlobField: bytes,
}
