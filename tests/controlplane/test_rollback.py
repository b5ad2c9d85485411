"""A store that went back in time, or was copied, starts only when somebody says so; and then what
the lost rows may have taken away does nothing until it is confirmed."""

import json
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from copy import copy
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from controlplane.api.refusals import status_of
from controlplane.domain.action import Action
from controlplane.domain.model import Caller, GrantState, IdentityKind, MemberRole
from controlplane.domain.page import PageRequest
from controlplane.domain.suspension import SuspensionKind
from controlplane.errors import Refused
from controlplane.service.changes import record
from controlplane.service.installation import (
    Services,
    join,
    new_admin_key,
    open_services,
    proven_store,
)
from controlplane.service.location import Location
from controlplane.service.start import make_ready
from controlplane.store import rows
from controlplane.store.tables import Installation
from tests.controlplane.tlog import open_note
from tests.postgresql import PostgresqlServer
from tests.postgresql import postgresql as postgresql
from tests.world import World, a_call


@dataclass
class Store:
    """One that was served, and is not just now. `server`: of its database, None for a file."""

    world: World
    server: PostgresqlServer | None
    kept: list[str] = field(default_factory=list)  # databases

    @property
    def location(self) -> Location:
        return self.world.location

    @property
    def anchor(self) -> Path:
        return self.location.data_dir / "anchor.json"

    @property
    def head(self) -> str:
        with self.opened():
            return self.world.last_row().row_hash

    def opened(self) -> Services:
        self.world.services = open_services(self.location, self.world.clock)
        return self.world.services

    def start(self, anchor: Path | None = None, accept: str | None = None) -> Path:
        """All that a server does before it listens."""
        return make_ready(self.location, anchor, accept)

    def served(self, anchor: Path | None = None) -> Services:
        """As a server has it open: what is written is noted, when it is closed at last."""
        path = self.start(anchor)
        services = self.opened()
        services.keep_anchor(path, failed=lambda: pytest.fail("the anchor was not written"))
        return services

    def back_up(self) -> None:
        if self.server is not None:
            self.kept.append(self.server.copy_database(self.name))
            return
        with closing(sqlite3.connect(self.location.store_path)) as database:
            database.execute("VACUUM INTO ?", (str(self.location.data_dir.with_name("backup.db")),))

    def put_back(self) -> None:
        """What was backed up, in the place of what there is."""
        if self.server is not None:
            self.server.run(f"DROP DATABASE {self.name} WITH (FORCE)", database="postgres")
            create = f"CREATE DATABASE {self.name} TEMPLATE {self.kept[-1]}"
            self.server.run(create, database="postgres")
            return
        shutil.copy(self.location.data_dir.with_name("backup.db"), self.location.store_path)

    @property
    def name(self) -> str:
        assert self.location.database is not None
        return self.location.database.rpartition("/")[2]


def fill(world: World) -> World:
    """`ci`, a member of `release`, has a grant for two signings."""
    with world.services:
        world.identity("ci", IdentityKind.MACHINE)
        world.identity("adam")
        world.policy("p", max_signings=2)
        members = {"ci": MemberRole.OPERATOR, "adam": MemberRole.ADMINISTRATOR}
        world.signer(policy="p", **members)  # type: ignore[arg-type]
        world.services.grants.create(world.callers["adam"], "release", "ci", "1.2", None, 2)
    return world


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(fill(World(tmp_path / "data")), None)


@pytest.fixture
def shared(tmp_path: Path, postgresql: PostgresqlServer) -> Store:
    """In a database server."""
    return Store(fill(World(tmp_path / "data", postgresql.new_database())), postgresql)


def go_back(store: Store) -> None:
    """After the backup `ci` used its grant up, and its API key was revoked."""
    with store.served():
        pass
    store.back_up()
    with store.served() as services:
        for _ in range(2):
            services.signing.sign(store.world.callers["ci"], a_call())
        key = store.world.callers["ci"].api_key_id
        services.identities.revoke_key(store.world.admin, "ci", key)
    store.put_back()


@pytest.fixture
def gone_back(store: Store) -> Store:
    go_back(store)
    return store


def refused(call: Callable[[], object]) -> Refused:
    with pytest.raises(Refused) as found:
        call()
    return found.value


def denied(services: Services, caller: Caller) -> tuple[int, str]:
    code = refused(lambda: services.signing.sign(caller, a_call())).code
    return status_of(code), code


def test_an_older_store_is_refused_in_words(gone_back: Store) -> None:
    refusal = refused(gone_back.start)
    assert refusal.code == "store_rolled_back"
    noted = json.loads(gone_back.anchor.read_text())
    assert "3 rows at least are lost" in refusal.title
    for said in (noted["row_hash"], f"row {noted['sequence']} of ", gone_back.head):
        assert said in refusal.title
    assert refusal.title.endswith(f"sealwright serve --accept-rollback {gone_back.head}")
    assert refused(gone_back.start).code == "store_rolled_back"


def test_it_goes_on_once_its_head_is_accepted(gone_back: Store) -> None:
    noted, head = json.loads(gone_back.anchor.read_text()), gone_back.head
    gone_back.start(accept=head)
    with gone_back.opened():
        new_key, row = (each.entry for each in gone_back.world.rows()[:2])
    said = row.details or {}
    assert (row.action, row.actor) == ("installation:rollback", None)
    assert (new_key.action, new_key.object) == ("log:key", said["instance"])
    assert (row.object, said["reason"]) == (noted["instance"], "store_rolled_back")
    assert (said["noted_sequence"], said["noted_hash"]) == (noted["sequence"], noted["row_hash"])
    assert (said["found_hash"], said["rows_lost"]) == (head, 3)
    assert (said["api_keys_suspended"], said["grants_suspended"]) == (2, 1)
    after = json.loads(gone_back.anchor.read_text())
    assert after["instance"] == said["instance"] != noted["instance"]
    gone_back.start()


def test_it_is_accepted_once(gone_back: Store) -> None:
    """So that nobody leaves it in a unit file."""
    head = gone_back.head
    gone_back.start(accept=head)
    assert refused(lambda: gone_back.start(accept=head)).code == "nothing_to_accept"
    assert refused(lambda: gone_back.start(accept=gone_back.head)).code == "nothing_to_accept"


def test_another_head_than_the_one_that_is_there_is_not_accepted(gone_back: Store) -> None:
    noted = json.loads(gone_back.anchor.read_text())["row_hash"]
    refusal = refused(lambda: gone_back.start(accept=noted))
    assert refusal.code == "store_rolled_back"
    assert gone_back.head in refusal.title
    assert refused(gone_back.start).code == "store_rolled_back"


def test_what_the_lost_rows_took_away_does_nothing_until_it_is_confirmed(gone_back: Store) -> None:
    world, ci = gone_back.world, gone_back.world.callers["ci"]
    gone_back.start(accept=gone_back.head)
    with gone_back.opened() as services:
        assert denied(services, ci) == (401, "api_key_suspended")
        services.suspensions.confirm(world.admin, SuspensionKind.API_KEY, ci.api_key_id)
        assert denied(services, ci) == (403, "no_active_grant")
        left = services.suspensions.list(world.admin, PageRequest()).items
        (grant,) = (each.id for each in left if each.kind is SuspensionKind.GRANT)
        assert services.grants.get(ci, grant).state is GrantState.SUSPENDED
        services.suspensions.confirm(world.admin, SuspensionKind.GRANT, grant)
        for _ in range(2):
            services.signing.sign(ci, a_call())
        assert denied(services, ci) == (403, "no_active_grant")


def test_a_code_that_the_lost_rows_may_have_used_is_void(store: Store) -> None:
    with store.served() as services:
        code = services.enrolments.create(store.world.admin, "adam").code
    store.back_up()
    with store.served() as services:
        services.enrolments.use(code, None)
    store.put_back()
    store.start(accept=store.head)
    with store.opened() as services:
        assert refused(lambda: services.enrolments.use(code, None)).code == "enrolment_unknown"


def test_who_is_no_admin_by_the_anchor_is_none_after_it(store: Store) -> None:
    """The key of an admin who was disabled in the lost rows is suspended as any other."""
    world = store.world
    with store.served():
        ada = world.identity("ada", role=world.admin.identity.role)
    store.back_up()
    with store.served() as services:
        services.identities.disable(world.admin, "ada")
    store.put_back()
    store.start(accept=store.head)
    with store.opened() as services:
        assert denied(services, ada) == (401, "api_key_suspended")
        services.identities.list(world.admin, PageRequest())


def test_a_database_is_noted_as_a_file_is(shared: Store) -> None:
    go_back(shared)
    refusal = refused(shared.start)
    assert (refusal.code, shared.head in refusal.title) == ("store_rolled_back", True)
    shared.start(accept=shared.head)
    with shared.opened() as services:
        assert denied(services, shared.world.callers["ci"]) == (401, "api_key_suspended")
    shared.start()


class TestWithoutAnAnchor:
    @pytest.fixture(params=["missing", "edited"])
    def unanchored(self, store: Store, request: pytest.FixtureRequest) -> Store:
        with store.served():
            pass
        if request.param == "missing":
            store.anchor.unlink()
        else:
            said = json.loads(store.anchor.read_text())
            store.anchor.write_text(json.dumps(said | {"sequence": said["sequence"] - 1}))
        return store

    def test_it_is_refused(self, unanchored: Store) -> None:
        refusal = refused(unanchored.start)
        assert refusal.code == "anchor_missing"
        assert str(unanchored.anchor) in refusal.title
        assert unanchored.head in refusal.title

    def test_nobody_gets_in_but_by_a_new_key(self, unanchored: Store) -> None:
        """Nothing says who was an admin."""
        unanchored.start(accept=unanchored.head)
        key = new_admin_key(unanchored.location).api_key
        with unanchored.opened() as services:
            assert denied(services, unanchored.world.admin) == (401, "api_key_suspended")
            admin = services.identities.authenticate(key)
            assert services.suspensions.confirm_all(admin).left == ()
            services.signing.sign(unanchored.world.callers["ci"], a_call())


def test_a_store_that_never_had_one_gets_one(store: Store) -> None:
    """As after an upgrade from a version without."""
    store.anchor.unlink()
    forget_anchor(store)
    store.start()
    assert store.anchor.exists()
    with store.opened():
        assert store.world.last_row().entry.action == "installation:anchor"
    store.anchor.unlink()
    assert refused(store.start).code == "anchor_missing"


def forget_anchor(store: Store) -> None:
    proven = proven_store(store.location)
    with proven.closing(), proven.write() as database:
        rows.update(database, Installation, Installation.id == 1, {"anchored_at": None})
        record(database, None, Action.INSTALLATION_ANCHOR, "x", at=store.world.clock())


class TestElsewhere:
    def test_it_shows_that_the_whole_directory_went_back(
        self, tmp_path: Path, store: Store
    ) -> None:
        """As with a snapshot of the machine: an anchor within goes back as well."""
        elsewhere = tmp_path / "elsewhere" / "release.anchor"
        elsewhere.parent.mkdir()
        for anchor, noticed in ((None, False), (elsewhere, True)):
            with store.served(anchor):
                pass
            snapshot = shutil.copytree(store.location.data_dir, tmp_path / f"snapshot-{noticed}")
            with store.served(anchor):
                store.world.identity(f"new-{noticed}")
            for each in store.location.data_dir.iterdir():
                each.unlink()
            for each in snapshot.iterdir():
                shutil.copy(each, store.location.data_dir)
            if not noticed:
                store_again(store)
                continue
            assert refused(lambda: store.start(elsewhere)).code == "store_rolled_back"

    def test_it_moves_there_from_beside_the_store(self, tmp_path: Path, gone_back: Store) -> None:
        """What it says counts before it moves, and afterwards it is missed there."""
        elsewhere = tmp_path / "elsewhere.json"
        assert refused(lambda: gone_back.start(elsewhere)).code == "store_rolled_back"
        gone_back.start(elsewhere, gone_back.head)
        assert elsewhere.exists()
        assert not gone_back.anchor.exists()
        gone_back.start(elsewhere)
        refusal = refused(gone_back.start)
        assert (refusal.code, "--anchor FILE" in refusal.title) == ("anchor_missing", True)


def store_again(store: Store) -> None:
    """Files that were put back may be other ones; this is not what is looked at here."""
    try:
        store.start()
    except Refused as refusal:
        assert refusal.code == "store_copied"  # noqa: PT017
        store.start(accept=store.head)


class TestCopies:
    def test_a_copied_directory_is_refused(self, tmp_path: Path, store: Store) -> None:
        with store.served():
            pass
        shutil.copytree(store.location.data_dir, tmp_path / "copy")
        other = copy(store)
        other.world = copy(store.world)
        other.world.location = Location(tmp_path / "copy")
        refusal = refused(other.start)
        assert refusal.code == "store_copied"
        other.start(accept=other.head)
        other.start()
        store.start()

    def test_a_moved_directory_is_not(self, tmp_path: Path, store: Store) -> None:
        with store.served():
            pass
        store.world.location = Location(store.location.data_dir.rename(tmp_path / "moved"))
        store.start()

    def test_a_copied_database_is_refused(
        self, shared: Store, postgresql: PostgresqlServer
    ) -> None:
        with shared.served():
            pass
        name = postgresql.copy_database(shared.name)
        copied = Location(shared.location.data_dir, postgresql.url(name))
        assert refused(lambda: make_ready(copied, None, None)).code == "store_copied"


def test_another_node_goes_on_with_what_one_accepted(tmp_path: Path, shared: Store) -> None:
    """Its own anchor is of the instance that ended, and may be newer than the other's was."""
    key = shutil.copy(shared.location.master_key_path, tmp_path / "master.key")
    node = Location(tmp_path / "node", shared.location.database, Path(key))
    join(node)
    with shared.served():
        pass
    shared.back_up()
    with shared.served():
        shared.world.identity("new")
    make_ready(node, None, None)
    shared.put_back()
    assert refused(lambda: make_ready(node, None, None)).code == "store_rolled_back"
    shared.start(accept=shared.head)
    make_ready(node, None, None)
    make_ready(node, None, None)
    shared.start()


def test_a_store_from_before_an_accepted_rollback_is_refused(gone_back: Store) -> None:
    """However often: what was accepted is noted too."""
    gone_back.start(accept=gone_back.head)
    gone_back.put_back()
    refusal = refused(gone_back.start)
    assert refusal.code == "store_rolled_back"
    gone_back.start(accept=gone_back.head)
    gone_back.start()


def test_the_log_of_a_store_that_was_restored_is_another_one(store: Store) -> None:
    """So that nothing which it signs contradicts what was signed for rows that are lost."""
    with store.served() as services:
        (key,) = services.log_keys.list()
        note = services.published_log.checkpoint().note
        store.back_up()
        store.world.machine_key("late")
    assert verifies(json.loads(store.anchor.read_text())["checkpoint"], key.text)
    store.put_back()
    store.start(accept=store.head)
    with store.opened() as services:
        new, former = services.log_keys.list()
        assert verifies(services.published_log.checkpoint().note, new.text)
    assert former.text == key.text
    assert former.log_key.ended_at is not None
    assert former.log_key.key.handle == b""  # it can never sign again
    assert new.log_key.origin != former.log_key.origin
    assert verifies(note, former.text)


def test_a_restored_log_does_not_take_the_name_that_it_had(store: Store) -> None:
    with store.served() as services:
        services.settings.set(store.world.admin, "log-origin", "log.example.com/signing")
        services.published_log.checkpoint()
        store.back_up()
        store.world.machine_key("late")
    store.put_back()
    store.start(accept=store.head)
    with store.opened() as services:
        new, former = services.log_keys.list()
    assert former.log_key.origin == "log.example.com/signing"
    assert new.log_key.origin == f"log.example.com/signing/{new.log_key.instance}"


def verifies(note: str, key: str) -> bool:
    return open_note(note, key).size > 0
