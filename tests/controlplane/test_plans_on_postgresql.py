"""A store that nobody has gathered statistics of: it grows under plans that were made when it was
empty, and each call to sign goes on to find what it asks for by the right index."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import pytest
from msgspec import structs
from psycopg.errors import Diagnostic

from controlplane.domain.api_key import hash_api_key
from controlplane.domain.identifier import new_id
from controlplane.domain.instant import now, to_text
from controlplane.domain.model import Grant, MemberRole, OperationKind, Outcome
from controlplane.domain.operation import Entry
from controlplane.service import commit
from controlplane.service.installation import trust
from controlplane.service.view import View
from controlplane.store import grants
from controlplane.store.postgresql import PostgresqlStore
from tests.postgresql import PostgresqlServer, postgresql
from tests.world import World, by_hand

__all__ = ["postgresql"]

ROWS = 12_800
BATCH = 64
OTHERS = 12_000  # identities, keys, groups, signers, members and grants that nobody asks for
_EXPLAIN = (
    "-c session_preload_libraries=auto_explain -c auto_explain.log_min_duration=0"
    " -c client_min_messages=log"
)
_SCAN = re.compile(
    r"(?:Seq|Index|Index Only|Bitmap Index) Scan(?: Backward)?(?: using \w+)? on \w+"
)


@dataclass
class Plans:
    """Every scan of every statement that a store makes, as PostgreSQL carried it out."""

    scans: Counter[str] = field(default_factory=Counter)

    def hear(self, notice: Diagnostic) -> None:
        self.scans.update(_SCAN.findall(notice.message_primary or ""))


def fill(url: str) -> None:
    """With SQL, for there are many: as the services would leave them."""
    with psycopg.connect(url) as connection:
        for table, columns, values in (
            ("identities", "id, name, kind, disabled", "'i' || n, 'other-' || n, 'user', FALSE"),
            ("api_keys", "id, identity_id, hash", "'k' || n, 'i' || n, sha256(n::text::bytea)"),
            (
                "signers",
                "id, number, name, key, common_name, external, disabled, key_id",
                "'s' || n, 1000 + n, 'other-' || n, 'p256', '', FALSE, FALSE, 'p' || n",
            ),
            ("signer_keys", "id, signer_id, public_key", "'p' || n, 's' || n, ''"),
            (
                "certificates",
                "id, key_id, serial, subject, issuer, not_before, not_after, der, chain",
                "'c' || n, 'p' || n, '', '', '', '', '', '', '[]'",
            ),
            ("groups", "id, name", "'g' || n, 'other-' || n"),
        ):
            connection.execute(
                f"INSERT INTO {table} ({columns}, created_at)"
                f" SELECT {values}, '' FROM generate_series(1, {OTHERS}) AS n"
            )
        for table, values in (
            ("members", "'s' || n, 'i' || n, 'operator', ''"),
            ("group_members", "'s' || n, 'g' || n, 'operator', ''"),
            ("group_users", "'g' || n, 'i' || n, ''"),
        ):
            connection.execute(
                f"INSERT INTO {table} SELECT {values} FROM generate_series(1, {OTHERS}) AS n"
            )
        # Of the same signer or for the same machine: neither alone tells them from the one.
        connection.execute(
            "INSERT INTO grants (id, signer, grantee, policy_id, policy, hashes, justification,"
            " not_before, max_signings, used) SELECT 'g' || n,"
            " CASE WHEN n % 2 = 0 THEN 'release' ELSE 'other-' || n END,"
            " CASE WHEN n % 2 = 1 THEN 'ci' ELSE 'other-' || n END, '', '', '', '', '', 5, 0"
            f" FROM generate_series(1, {OTHERS}) AS n"
        )


def without_statistics(url: str) -> None:
    """For good: nothing gathers any."""
    with psycopg.connect(url) as connection:
        tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        for (table,) in tables.fetchall():
            connection.execute(f"ALTER TABLE {table} SET (autovacuum_enabled = off)")


@pytest.fixture
def plans() -> Plans:
    return Plans()


@pytest.fixture
def url(postgresql: PostgresqlServer) -> str:
    return postgresql.new_database()


@pytest.fixture
def world(url: str, tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path / "data", url)
    without_statistics(url)
    with world.services:
        yield world


@pytest.fixture
def store(world: World, plans: Plans, url: str) -> Iterator[PostgresqlStore]:
    """With one connection, which tells its plans."""
    options = _EXPLAIN.replace(" ", "%20").replace("=", "%3D")
    store = PostgresqlStore(f"{url}?options={options}", most_connections=1)
    with store.closing():
        trust(world.location, store)
        with store.read() as database:
            database.connection().add_notice_handler(plans.hear)  # type: ignore[no-untyped-call]
        yield store


def write(store: PostgresqlStore, entries: list[Entry], grant: Grant) -> None:
    rows = [commit.Row(each, None, bind=True, grant=grant) for each in entries]
    with store.write() as database:
        results = commit.write_rows(database, rows)
    assert {type(result) for result in results} == {commit.Written}


def grant(world: World) -> Grant:
    """Without end, of the machine `ci` for the signer `release`."""
    with by_hand(world.location) as database:
        database.execute_sql(  # type: ignore[no-untyped-call]
            "INSERT INTO grants (id, signer, grantee, policy_id, policy, hashes, justification,"
            " not_before, used) VALUES ('g', 'release', 'ci', 'x', 'x', '', '', %s, 0)",
            (to_text(now()),),
        )
        found = grants.find(database, "g")
    assert found is not None
    return found


def test_a_batch_asks_by_the_right_index(
    world: World, store: PostgresqlStore, plans: Plans
) -> None:
    world.machine_key("ci")
    world.signer()
    given = grant(world)
    like = Entry(
        id="",
        created_at=now(),
        kind=OperationKind.SIGN,
        actor="ci",
        signer="release",
        outcome=Outcome.SUCCEEDED,
        signature=b"s",
        grant_id=given.id,
    )
    for _ in range(ROWS // BATCH):
        plans.scans.clear()
        keys = [new_id() for _ in range(BATCH)]
        entries = [structs.replace(like, id=new_id(), idempotency_key=key) for key in keys]
        write(store, entries, given)
    assert plans.scans["Index Scan using operations_idempotency on operations"] == 1
    assert set(plans.scans) == {
        "Index Scan using operations_idempotency on operations",
        "Index Scan using grants_pkey on grants",
        "Bitmap Index Scan on operations_pkey",  # whether they are there now
        "Seq Scan on installation",  # of one row, as the next
        "Seq Scan on audit_head",
        "Index Only Scan Backward using schema_version_pkey on schema_version",
    }


def test_a_view_asks_by_the_right_index(
    world: World, store: PostgresqlStore, plans: Plans, url: str
) -> None:
    key = world.machine_key("ci")
    world.signer(ci=MemberRole.OPERATOR)
    grant(world)
    digest = hash_api_key(key)
    assert digest is not None

    def look() -> None:
        view = View(store, store.epoch())
        known = view.key(digest)
        signer = view.signer("release", now())
        assert known is not None
        assert signer is not None
        assert view.key_by_id(known.key.id) == known
        assert View(store, view.epoch).key_by_id(known.key.id) == known
        assert view.role(signer.signer.id, known.identity) is MemberRole.OPERATOR
        (found,) = view.active_grants("release", "ci", now())
        assert found.id == "g"

    for _ in range(10):  # so that plans are made, and kept
        look()
    with by_hand(world.location):
        fill(url)
    plans.scans.clear()
    look()
    assert set(plans.scans) == {
        "Seq Scan on installation",  # of one row, as the next
        "Seq Scan on audit_head",
        "Index Only Scan Backward using schema_version_pkey on schema_version",
        "Index Scan using operations_objects on operations",  # what has changed since
        "Index Scan using operations_pkey on operations",
        "Index Scan using api_keys_hash_key on api_keys",
        "Index Scan using api_keys_pkey on api_keys",
        "Index Scan using identities_pkey on identities",
        "Index Scan using identities_name_key on identities",  # who stands behind it
        "Index Scan using signers_name_key on signers",
        "Index Scan using signer_keys_pkey on signer_keys",
        "Index Scan using certificates_pkey on certificates",
        "Index Scan using members_pkey on members",
        "Bitmap Index Scan on group_members_pkey",
        "Index Scan using grants_signer on grants",
    }
