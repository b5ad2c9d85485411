"""The database is trusted with availability, not with truth: whatever somebody writes into what
decisions rest on, it gets nobody a signature or a right, and is found by its name."""

import itertools
import os
import re
import sqlite3
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import pytest
from peewee import BooleanField

from controlplane.domain.action import Action
from controlplane.domain.api_key import digest_of, new_api_key
from controlplane.domain.model import ApiKey, Caller, IdentityKind, Signed
from controlplane.domain.operation import OperationFilter
from controlplane.domain.page import PageRequest
from controlplane.domain.policy import TermsEdit
from controlplane.errors import Code, Refused
from controlplane.service.changes import record
from controlplane.service.installation import Services, open_services, proven_store
from controlplane.service.location import Location
from controlplane.service.state_check import verify_state
from controlplane.store import identities
from controlplane.store.objects import KINDS, Kind
from controlplane.store.tables import ApiKeyRow
from tests.controlplane.everything import Everything
from tests.controlplane.tampering import (
    Row,
    Tables,
    add,
    all_objects,
    copy_of,
    key_of,
    looking,
    put,
    remove,
    rows_of,
    tampering,
)
from tests.postgresql import PostgresqlServer, postgresql
from tests.world import SetClock, World, a_call

__all__ = ["postgresql"]

IS_LONG = os.environ.get("SEALWRIGHT_LONG") == "1"
FAR = "2999-01-01T00:00:00.000000Z"
TIMES = ("_at", "_before", "_after", "at")
UNIQUE = {
    "api_keys": ("hash",),
    "authorities": ("position",),
    "enrolments": ("hash",),
    "grants": ("request_id",),
    "log_keys": ("instance", "origin"),
    "signers": ("number",),
    "witnesses": ("key",),
}
"""Columns beside names and keys."""
MAY_BE_EMPTY = ("accepted_clock",)
"""For what has to happen first, no world has."""
AT_START = ("installation", "authorities")
REFUSED = frozenset(Code)
Outcome = str | Code
Probe = Callable[[Services, Everything], object]


def signs(who: str, signer: str) -> Probe:
    def probe(to: Services, made: Everything) -> object:
        return to.signing.sign(to.identities.authenticate(made.keys[who]), a_call(signer))

    return probe


def calls(who: str, call: Callable[[Services, Any, Everything], object]) -> Probe:
    def probe(to: Services, made: Everything) -> object:
        return call(to, to.identities.authenticate(made.keys[who]), made)

    return probe


PROBES: Mapping[str, Probe] = {
    "ci signs without a policy": signs("ci", "bare"),
    "ci signs under the grant of a request": signs("ci", "release"),
    "ci signs under a grant for a group's policy": signs("ci", "crewed"),
    "ann signs as one of a group": signs("ann", "bare"),
    "ci has no grant": signs("ci", "vault"),
    "adm has no grant": signs("adm", "release"),
    "eve has used hers up": signs("eve", "release"),
    "eve is an auditor": signs("eve", "bare"),
    "gil is no member any more": signs("gil", "bare"),
    "bob is disabled": signs("bob", "bare"),
    "idle is disabled": signs("idle", "bare"),
    "a key is revoked": signs("revoked", "bare"),
    "a signer is disabled": signs("ci", "back"),
    "a signer is to be deleted": signs("ci", "dying"),
    "a signer is gone": signs("ci", "dead"),
    "audrey reads": calls("audrey", lambda to, who, _: to.identities.list(who, PageRequest())),
    "gil does not read": calls("gil", lambda to, who, _: to.identities.list(who, PageRequest())),
    "gil makes nobody": calls(
        "gil", lambda to, who, _: to.identities.create(who, "mallory", IdentityKind.USER)
    ),
    "gil approves nothing": calls(
        "gil", lambda to, who, made: to.requests.approve(who, made.ids["waiting"])
    ),
    "carol does not approve yet": calls(
        "carol", lambda to, who, made: to.requests.approve(who, made.ids["half"])
    ),
    "carol does not agree yet": calls(
        "carol", lambda to, who, made: to.proposals.approve(who, made.ids["open"])
    ),
}
"""By what it is about: a call, which succeeds or is refused."""


def outcome_of(probe: Probe, to: Services, made: Everything) -> Outcome:
    try:
        done = probe(to, made)
    except Refused as refused:
        return refused.code
    return f"signed as {done.certificate_serial}" if isinstance(done, Signed) else "done"


@dataclass(frozen=True)
class Template:
    """Closed. `earlier`: what stood in its tables while it was made, by the name of the object."""

    made: Everything
    earlier: Sequence[Mapping[str, tuple[Kind, Row]]]
    outcomes: Mapping[str, Outcome]
    server: PostgresqlServer | None

    @property
    def location(self) -> Location:
        return self.made.world.location

    @property
    def clock(self) -> SetClock:
        return self.made.world.clock

    def copy(self, folder: Path) -> Location:
        return copy_of(self.location, folder, self.server)


def make(folder: Path, server: PostgresqlServer | None) -> Template:
    earlier: list[Mapping[str, tuple[Kind, Row]]] = []
    world = World(folder / "data", None if server is None else server.new_database())
    with world.services:
        made = Everything(world, lambda: earlier.append(all_objects(world.location)))
    template = Template(made, earlier, {}, server)
    with open_services(template.copy(folder / "sound"), world.clock) as services:
        outcomes = {name: outcome_of(probe, services, made) for name, probe in PROBES.items()}
        assert services.state.verify(made.world.admin).altered == ()
    return Template(made, earlier, outcomes, server)


@pytest.fixture(scope="module")
def on_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Template:
    return make(tmp_path_factory.mktemp("sqlite"), None)


@pytest.fixture(scope="module")
def on_postgresql(
    tmp_path_factory: pytest.TempPathFactory, postgresql: PostgresqlServer
) -> Template:
    return make(tmp_path_factory.mktemp("postgresql"), postgresql)


@dataclass(frozen=True)
class Alteration:
    """`names`: of the objects that are not as they were left."""

    what: str
    make: Callable[[Tables], None]
    names: frozenset[str]


def alterations(template: Template, kind: Kind) -> Iterator[Alteration]:
    """Of a table: each column to another value and to none, each row deleted, one slipped in, two
    exchanged, and each as it was before."""
    with looking(template.location) as tables:
        rows = rows_of(tables, kind)
    if kind.title in MAY_BE_EMPTY and not rows:
        row = {column: _made_up(kind, column, None) for column in kind.table._meta.fields}
        made, names = partial(add, kind=kind, row=row), frozenset([kind.name(row)])
        yield Alteration(f"{kind.name(row)} is slipped in", made, names)
        return
    assert rows, f"there is nothing in {kind.title}"
    for column in kind.table._meta.fields:
        if column not in kind.beside or column == "used":
            row = rows[zlib.crc32(f"{kind.title}.{column}".encode()) % len(rows)]
            yield from _of_a_column(kind, rows, row, column)
    for row in rows:
        name = kind.name(row)
        gone = partial(remove, kind=kind, row=row)
        yield Alteration(f"{name} is deleted", gone, frozenset([name]))
    yield from _slipped_in(kind, rows)
    yield from _exchanged(kind, rows)
    yield from _as_before(kind, rows, template)


def _of_a_column(kind: Kind, rows: Sequence[Row], row: Row, column: str) -> Iterator[Alteration]:
    others = [each[column] for each in rows if each[column] not in (None, row[column])]
    values = [_made_up(kind, column, row[column]), *others[:1]]
    if row[column] is not None and kind.table._meta.fields[column].null:
        values.append(None)
    for value in values:
        change = partial(put, kind=kind, row=row, columns={column: value})
        names = frozenset({kind.name(row), kind.name(row | {column: value})})
        yield Alteration(f"{kind.name(row)}: {column} = {value!r}", change, names)


def _made_up(kind: Kind, column: str, value: Any) -> object:
    field = kind.table._meta.fields[column]
    match value:
        case int() if isinstance(field, BooleanField):
            return not value
        case int():
            return value + 1
        case bytes():
            return value[:-1] + bytes([value[-1] ^ 1])
        case str() if not column.endswith(TIMES):
            return f"{value}x"
    if column.endswith(TIMES):
        return FAR
    return {"INT": 1, "BOOL": True, "BLOB": b"x"}.get(field.field_type, "x")


def _slipped_in(kind: Kind, rows: Sequence[Row]) -> Iterator[Alteration]:
    """As another one is, but for what no two can have alike."""
    row = dict(rows[0])
    for name in _own(kind):
        row[name] = _made_up(kind, name, row[name])
    made = partial(add, kind=kind, row=row)
    yield Alteration(f"{kind.name(row)} is slipped in", made, frozenset([kind.name(row)]))


def _exchanged(kind: Kind, rows: Sequence[Row]) -> Iterator[Alteration]:
    """All that two of them say, but for what is their own."""
    for one, other in itertools.pairwise(rows):
        names = [name for name in one if name not in _own(kind) and one[name] != other[name]]
        if names:
            found = frozenset([kind.name(one), kind.name(other)])
            make = partial(exchange, kind=kind, one=one, other=other, names=names)
            yield Alteration(f"{' and '.join(sorted(found))} are exchanged", make, found)


def _as_before(kind: Kind, rows: Sequence[Row], template: Template) -> Iterator[Alteration]:
    now = {kind.name(row): row for row in rows}
    for moment in template.earlier:
        for name, (of, before) in moment.items():
            if of is not kind or now.get(name) == before:
                continue
            if name in now:
                make = partial(put, kind=kind, row=now[name], columns=before)
            else:
                make = partial(add, kind=kind, row=before)
            yield Alteration(f"{name} is as it was before", make, frozenset([name]))


def exchange(tables: Tables, kind: Kind, one: Row, other: Row, names: Sequence[str]) -> None:
    put(tables, kind, one, {name: other[name] for name in names})
    put(tables, kind, other, {name: one[name] for name in names})


def _own(kind: Kind) -> set[str]:
    return {*kind.named_by, *key_of(kind), *UNIQUE.get(kind.title, ())}


def alter(location: Location, made: Iterable[Alteration]) -> frozenset[str]:
    """The names of what is altered; the database itself refuses some, with which there is none."""
    names: set[str] = set()
    with tampering(location) as tables:
        for each in made:
            try:
                with tables.attempt():
                    each.make(tables)
            except (sqlite3.IntegrityError, psycopg.errors.IntegrityError):
                continue
            names |= each.names
    return frozenset(names)


def gained(template: Template, services: Services) -> list[str]:
    """What somebody gets who did not get that before."""
    found = []
    for name, probe in PROBES.items():
        before, after = template.outcomes[name], outcome_of(probe, services, template.made)
        if after != before and after not in REFUSED:
            found.append(f"{name}: {after}, not {before}")
    return found


def found_in(location: Location) -> frozenset[str]:
    """By a process that has just started."""
    store = proven_store(location)
    with store.closing():
        assert store.state is not None
        return frozenset(verify_state(store, store.state).altered)


def rounds(template: Template) -> list[list[Alteration]]:
    """All of them, one of each table at once; one by one in the long version."""
    of_each = [
        list(alterations(template, kind)) for kind in KINDS.values() if kind.title not in AT_START
    ]
    if IS_LONG:
        return [[each] for some in of_each for each in some]
    together = itertools.zip_longest(*of_each)
    return [[each for each in some if each is not None] for some in together]


def check(template: Template, made: Sequence[Alteration], folder: Path) -> None:
    location = template.copy(folder)
    names = alter(location, made)
    with open_services(location, template.clock) as services:
        assert gained(template, services) == [], [each.what for each in made]
    assert found_in(location) == names, [each.what for each in made]


def test_nothing_that_is_written_into_any_table_gets_anybody_anything_and_all_is_found(
    on_sqlite: Template, tmp_path: Path
) -> None:
    for number, some in enumerate(rounds(on_sqlite)):
        check(on_sqlite, some, tmp_path / str(number))


def test_nor_on_postgresql(on_postgresql: Template, tmp_path: Path) -> None:
    for number, some in enumerate(rounds(on_postgresql)[:: 1 if IS_LONG else 5]):
        check(on_postgresql, some, tmp_path / str(number))


def test_nor_under_a_server_that_runs(on_sqlite: Template, tmp_path: Path) -> None:
    for number, some in enumerate(rounds(on_sqlite)[::10]):
        location = on_sqlite.copy(tmp_path / str(number))
        with open_services(location, on_sqlite.clock) as services:
            assert gained(on_sqlite, services) == []
            names = alter(location, some)
            assert gained(on_sqlite, services) == [], [each.what for each in some]
        assert found_in(location) == names


@pytest.mark.parametrize("title", AT_START)
def test_what_everything_rests_on_is_looked_at_at_the_start(
    on_sqlite: Template, title: str, tmp_path: Path
) -> None:
    (kind,) = (each for each in KINDS.values() if each.title == title)
    for number, each in enumerate(alterations(on_sqlite, kind)):
        location = on_sqlite.copy(tmp_path / str(number))
        if alter(location, [each]):
            code = start(location, on_sqlite)
            assert code in (None, Code.STATE_ALTERED, Code.MASTER_KEY_WRONG), each.what
            assert code is not None or found_in(location) == each.names, each.what


def start(location: Location, template: Template) -> Code | None:
    """The refusal."""
    try:
        open_services(location, template.clock).close()
    except Refused as refused:
        return refused.code
    return None


@dataclass(frozen=True)
class Bent:
    """A copy that somebody writes to."""

    template: Template
    location: Location

    def write(self, statement: str, *values: object) -> None:
        with tampering(self.location) as tables:
            tables.ask(statement, values)

    def ask(self, statement: str, *values: object) -> list[Row]:
        with looking(self.location) as tables:
            return tables.ask(statement, values)

    @contextmanager
    def served(self, later: timedelta = timedelta()) -> Iterator[Services]:
        clock = self.template.clock
        with open_services(self.location, lambda: clock() + later) as services:
            yield services

    def outcome(self, services: Services, who: str, signer: str) -> Outcome:
        return outcome_of(signs(who, signer), services, self.template.made)

    def caller(self, services: Services, who: str) -> Caller:
        return services.identities.authenticate(self.template.made.keys[who])

    @property
    def ids(self) -> Mapping[str, str]:
        return self.template.made.ids


@pytest.fixture(params=["on_sqlite", "on_postgresql"])
def bent(request: pytest.FixtureRequest, tmp_path: Path) -> Bent:
    template: Template = request.getfixturevalue(request.param)
    return Bent(template, template.copy(tmp_path / "bent"))


ALTERED = Code.STATE_ALTERED


class TestWhatWasSeen:
    def test_a_policy_taken_off_lets_nobody_sign_and_other_signers_go_on(self, bent: Bent) -> None:
        bent.write("UPDATE signers SET policy_id = NULL WHERE name IN ('release', 'vault')")
        with bent.served() as services:
            for who, signer in (("eve", "release"), ("ci", "release"), ("ci", "vault")):
                assert bent.outcome(services, who, signer) is ALTERED
            assert str(bent.outcome(services, "ci", "bare")).startswith("signed")
        assert found_in(bent.location) == {"signers/release", "signers/vault"}

    def test_a_hash_slipped_in_makes_nobody_an_admin(self, bent: Bent) -> None:
        secret = new_api_key()
        (key,) = bent.ask("SELECT * FROM api_keys WHERE hash = ?", digest_of(bent_key(bent)))
        with tampering(bent.location) as tables:
            add(tables, KINDS[ApiKeyRow], key | {"id": "mine", "hash": digest_of(secret)})
        with bent.served() as services, pytest.raises(Refused) as refused:
            services.identities.authenticate(secret)
        assert refused.value.code is ALTERED
        assert found_in(bent.location) == {f"api_keys/{key['identity_id']}/mine"}

    def test_a_hash_exchanged_makes_nobody_an_admin(self, bent: Bent) -> None:
        secret = new_api_key()
        before = digest_of(bent_key(bent))
        bent.write("UPDATE api_keys SET hash = ? WHERE hash = ?", digest_of(secret), before)
        with bent.served() as services, pytest.raises(Refused) as refused:
            services.identities.authenticate(secret)
        assert refused.value.code is ALTERED

    @pytest.mark.parametrize("used", [0, 1])
    def test_a_grant_that_is_used_up_gives_no_more(self, bent: Bent, used: int) -> None:
        grant = bent.ids["pre-approved"]
        bent.write("UPDATE grants SET used = ? WHERE id = ?", used, grant)
        with bent.served() as services:
            assert bent.outcome(services, "eve", "release") is ALTERED
        assert found_in(bent.location) == {f"grants/{grant}"}

    def test_nor_does_one_in_use_under_a_server_that_runs(self, bent: Bent) -> None:
        with bent.served() as services:
            assert str(bent.outcome(services, "ci", "release")).startswith("signed")
            bent.write("UPDATE grants SET used = 0 WHERE id = ?", bent.ids["grant"])
            assert bent.outcome(services, "ci", "release") is ALTERED

    def test_a_revoked_grant_stays_so(self, bent: Bent) -> None:
        grant = bent.ids["revoked"]
        columns = "revoked_at = NULL, revoked_by = NULL, revoke_reason = NULL"
        bent.write(f"UPDATE grants SET {columns} WHERE id = ?", grant)
        with bent.served() as services:
            assert bent.outcome(services, "eve", "release") is ALTERED

    def test_no_grant_has_the_server_name_an_approval_that_there_is_not(self, bent: Bent) -> None:
        """Or the log that says so would not be intact, by the server's own hand."""
        grant = bent.ids["grant"]
        (row,) = bent.ask("SELECT approvals FROM grants WHERE id = ?", grant)
        forged = re.sub("[0-9a-f]{64}", "0" * 64, row["approvals"], count=1)
        bent.write("UPDATE grants SET approvals = ? WHERE id = ?", forged, grant)
        with bent.served() as services:
            assert bent.outcome(services, "ci", "release") is ALTERED
        assert found_in(bent.location) == {f"grants/{grant}"}

    def test_no_signer_signs_with_the_key_of_another(self, bent: Bent) -> None:
        bent.write(
            "UPDATE signers SET (key_id, certificate_id) = (SELECT key_id, certificate_id"
            " FROM signers WHERE name = 'release') WHERE name = 'bare'"
        )
        with bent.served() as services:
            assert bent.outcome(services, "ci", "bare") is ALTERED
        assert found_in(bent.location) == {"signers/bare"}

    def test_nor_where_the_key_says_that_it_is_that_signer_s(self, bent: Bent) -> None:
        """A key moved whole is a key that is missing there, and one that is new here."""
        bent.write(
            "UPDATE signer_keys SET signer_id = (SELECT id FROM signers WHERE name = 'bare')"
            " WHERE id = (SELECT key_id FROM signers WHERE name = 'release')"
        )
        bent.write(
            "UPDATE signers SET key_id = (SELECT key_id FROM signers WHERE name = 'release')"
            " WHERE name = 'bare'"
        )
        with bent.served() as services:
            assert bent.outcome(services, "ci", "bare") is ALTERED
            assert bent.outcome(services, "ci", "release") is ALTERED

    def test_a_certificate_ends_when_it_ends(self, bent: Bent) -> None:
        with bent.served(timedelta(days=500)) as services:
            assert bent.outcome(services, "ci", "bare") is Code.CERTIFICATE_EXPIRED
        bent.write("UPDATE certificates SET not_after = ?", FAR)
        with bent.served(timedelta(days=500)) as services:
            assert bent.outcome(services, "ci", "bare") is ALTERED

    def test_a_grant_ends_when_it_ends(self, bent: Bent) -> None:
        grant = bent.ids["crewed"]
        with bent.served(timedelta(hours=2)) as services:
            assert bent.outcome(services, "ci", "crewed") is Code.NO_ACTIVE_GRANT
        bent.write("UPDATE grants SET not_after = ? WHERE id = ?", FAR, grant)
        with bent.served(timedelta(hours=2)) as services:
            assert bent.outcome(services, "ci", "crewed") is ALTERED

    def test_a_revoked_key_signs_under_no_older_epoch(self, bent: Bent) -> None:
        with bent.served() as services, bent.served() as other:
            assert str(bent.outcome(services, "ci", "bare")).startswith("signed")
            (before,) = bent.ask("SELECT epoch FROM installation")
            admin = bent.caller(other, "admin")
            key = services.identities.calling_key(bent.caller(services, "ci"))
            other.identities.revoke_key(admin, "ci", key.id)
            bent.write("UPDATE installation SET epoch = ?", before["epoch"])
            assert bent.outcome(services, "ci", "bare") in (ALTERED, Code.STORE_ROLLED_BACK)

    def test_a_head_of_before_brings_no_revoked_key_back(self, bent: Bent) -> None:
        """Nor the state of before with it, in a process that has seen more."""
        with bent.served() as services, bent.served() as other:
            tables = ("installation", "audit_head", "api_keys")
            before = {table: bent.ask(f"SELECT * FROM {table}") for table in tables}
            key = services.identities.calling_key(bent.caller(services, "ci"))
            other.identities.revoke_key(bent.caller(other, "admin"), "ci", key.id)
            assert bent.outcome(services, "ci", "bare") is Code.API_KEY_REVOKED
            bent.write(
                "DELETE FROM operations WHERE sequence > ?", before["audit_head"][0]["sequence"]
            )
            for table, rows in before.items():
                bent.write(f"DELETE FROM {table}")
                for row in rows:
                    names, marks = ", ".join(row), ", ".join("?" * len(row))
                    statement = f"INSERT INTO {table} ({names}) VALUES ({marks})"
                    bent.write(statement, *row.values())
            refused = (ALTERED, Code.STORE_ROLLED_BACK, Code.API_KEY_REVOKED)
            assert bent.outcome(services, "ci", "bare") in refused


@dataclass(frozen=True)
class Hidden:
    """What somebody changes so that a change passes over it, and could put back afterwards:
    `statement` has one placeholder, for the id that `ids` calls `what`."""

    statement: str
    what: str
    change: Callable[[Services, Caller], object]


def _disable(name: str) -> Callable[[Services, Caller], object]:
    return lambda to, admin: to.identities.disable(admin, name, "keep")


def _protect(to: Services, admin: Caller) -> object:
    return to.policies.edit(admin, "two", TermsEdit(protected=True))


def _delete(to: Services, admin: Caller) -> object:
    to.signers.disable(admin, "release")
    return to.signers.delete(admin, "release")


HIDDEN = {
    "a grant, from who protects its policy": Hidden(
        "UPDATE grants SET policy_id = 'x' WHERE id = ?", "grant", _protect
    ),
    "a grant, from who deletes its signer": Hidden(
        "UPDATE grants SET signer = 'x' WHERE id = ?", "grant", _delete
    ),
    "a grant, as if it were revoked": Hidden(
        "UPDATE grants SET revoked_at = 'x', revoked_by = 'x', revoke_reason = 'x' WHERE id = ?",
        "grant",
        _delete,
    ),
    "a request, from who disables its requester": Hidden(
        "UPDATE requests SET ended = 'cancelled' WHERE id = ?", "waiting", _disable("ci")
    ),
    "a request, deleted": Hidden("DELETE FROM requests WHERE id = ?", "waiting", _disable("ci")),
    "an approval, from who disables its approver": Hidden(
        "UPDATE decisions SET approver = 'x' WHERE request_id = ?", "half", _disable("ann")
    ),
    "an approval of a proposal": Hidden(
        "UPDATE proposal_decisions SET verdict = 'x' WHERE proposal_id = ?",
        "carried out",
        _disable("ann"),
    ),
    "a proposal, from who disables its proposer": Hidden(
        "UPDATE proposals SET proposer = 'x' WHERE id = ?", "open", _disable("adm")
    ),
}


class TestHiddenForAWhile:
    """Nothing can be changed, passed over by a change, and put back."""

    @pytest.mark.parametrize("what", HIDDEN)
    def test(self, bent: Bent, what: str) -> None:
        hidden = HIDDEN[what]
        bent.write(hidden.statement, bent.ids[hidden.what])
        with bent.served() as services:
            with pytest.raises(Refused) as refused:
                hidden.change(services, bent.caller(services, "admin"))
            assert refused.value.code is ALTERED

    def test_a_code(self, bent: Bent) -> None:
        with bent.served() as services:
            admin = bent.caller(services, "admin")
            services.enrolments.create(admin, "gil")
            bent.write("UPDATE enrolments SET identity_id = 'x' WHERE ended_at IS NULL")
            with pytest.raises(Refused) as refused:
                services.identities.disable(admin, "gil")
            assert refused.value.code is ALTERED


READS: Mapping[str, tuple[str, Callable[[Services, Caller, Mapping[str, str]], object]]] = {
    "a signer": ("eve", lambda to, who, _: to.signers.get(who, "vault")),
    "signers": ("eve", lambda to, who, _: names(to.signers.list(who, PageRequest()).items)),
    "policies": ("eve", lambda to, who, _: names(to.policies.list(who, PageRequest()).items)),
    "a proposal": ("eve", lambda to, who, ids: to.proposals.get(who, ids["open"])),
    "a request": ("gil", lambda to, who, ids: to.requests.get(who, ids["waiting"])),
    "requests": ("gil", lambda to, who, _: len(to.requests.list(who, PageRequest()).items)),
    "grants": ("gil", lambda to, who, _: len(to.grants.list(who, PageRequest()).items)),
    "rows": (
        "eve",
        lambda to, who, _: len(to.audit.list(who, OperationFilter(), PageRequest()).items),
    ),
}
NAMING = {
    "as approvers": (
        "INSERT INTO policy_approvers SELECT policies.id, identities.name"
        " FROM policies CROSS JOIN identities WHERE identities.name IN ('eve', 'gil')"
        " ON CONFLICT DO NOTHING"
    ),
    "as approvers of requests": (
        "INSERT INTO request_approvers SELECT requests.id, identities.name"
        " FROM requests CROSS JOIN identities WHERE identities.name IN ('eve', 'gil')"
        " ON CONFLICT DO NOTHING"
    ),
    "as approvers of proposals": (
        "INSERT INTO proposal_approvers SELECT proposals.id, identities.name"
        " FROM proposals CROSS JOIN identities WHERE identities.name IN ('eve', 'gil')"
        " ON CONFLICT DO NOTHING"
    ),
    "as members": (
        "INSERT INTO members SELECT signers.id, identities.id, 'auditor', signers.created_at"
        " FROM signers CROSS JOIN identities WHERE identities.name IN ('eve', 'gil')"
        " ON CONFLICT DO NOTHING"
    ),
    "in groups": (
        "INSERT INTO group_users SELECT groups.id, identities.id, groups.created_at"
        " FROM groups CROSS JOIN identities WHERE identities.name IN ('eve', 'gil')"
        " ON CONFLICT DO NOTHING"
    ),
}


def names(found: Iterable[Any]) -> list[str]:
    return [str(getattr(each, "signer", each).name) for each in found]


@pytest.mark.parametrize("naming", NAMING)
def test_nobody_who_is_slipped_in_reads_more(bent: Bent, naming: str) -> None:
    def read(what: str) -> object:
        who, call = READS[what]
        try:
            return call(services, bent.caller(services, who), bent.ids)
        except Refused as refused:
            return refused.code

    with bent.served() as services:
        before = {what: read(what) for what in READS}
        bent.write(NAMING[naming])
        after = {what: read(what) for what in READS}
    assert {what for what in READS if after[what] not in (before[what], ALTERED)} == set()
    assert ALTERED in after.values()


class TestTheLog:
    def test_whoever_has_no_master_key_writes_no_change(self, bent: Bent) -> None:
        """With the server's own code, and a row that chains."""
        secret = new_api_key()
        store = bent.location.recalled().store()
        with store.closing(), store.change() as database:
            admin = identities.find(database, "admin")
            assert admin is not None
            key = ApiKey("mine", admin.id, bent.template.clock(), None)
            identities.insert_key(database, key, digest_of(secret))
            details = {"api_key_id": "mine"}
            at = bent.template.clock()
            record(database, None, Action.API_KEY_CREATE, "admin", at=at, details=details)
        assert start(bent.location, bent.template) is ALTERED

    @pytest.mark.parametrize(
        "statement",
        [
            "DELETE FROM operations WHERE sequence = (SELECT changed FROM audit_head)",
            "UPDATE operations SET objects = NULL WHERE action = 'api_key:revoke'",
            "UPDATE audit_head SET used = used - 1",
            "UPDATE audit_head SET at = '2020-01-01T00:00:00.000000Z'",
            "UPDATE audit_head SET changed = 0",
            "UPDATE audit_head SET root = NULL",
            "UPDATE installation SET instance = 'another'",
            "UPDATE installation SET epoch = epoch - 1",
        ],
    )
    def test_what_the_root_covers_is_refused(self, bent: Bent, statement: str) -> None:
        """At a start, or where the log is replayed."""
        bent.write(statement)
        assert ALTERED in (start(bent.location, bent.template), replayed(bent.location))


def bent_key(bent: Bent) -> str:
    """Of the admin."""
    return bent.template.made.keys["admin"]


def replayed(location: Location) -> Code | None:
    """What `verify --state` comes to: altered, or not."""
    try:
        return ALTERED if found_in(location) else None
    except Refused as refused:
        return refused.code
