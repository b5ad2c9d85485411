"""Who calls, who may change that, and that nobody locks everybody out."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from controlplane.api.refusals import status_of
from controlplane.domain.model import IdentityKind, ServerRole
from controlplane.domain.page import PageRequest
from controlplane.errors import Refused
from controlplane.service.identities import Identities, RefusedCaller
from controlplane.service.installation import open_services
from tests.world import World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path / "data")
    with world.services:
        yield world


@pytest.fixture
def identities(world: World) -> Identities:
    return world.services.identities


def refusal(call: Callable[[], object]) -> tuple[int, str]:
    with pytest.raises(Refused) as refused:
        call()
    return status_of(refused.value.code), refused.value.code


class TestAuthentication:
    @pytest.mark.parametrize("key", [None, ""])
    def test_needs_a_key(self, identities: Identities, key: str | None) -> None:
        assert refusal(lambda: identities.authenticate(key)) == (401, "api_key_missing")

    @pytest.mark.parametrize("key", ["swk_" + "a" * 43, "nonsense", "swk_", "é"])
    def test_refuses_keys_that_nobody_has(self, identities: Identities, key: str) -> None:
        assert refusal(lambda: identities.authenticate(key)) == (401, "api_key_unknown")

    def test_finds_whose_key_it_is(self, world: World, identities: Identities) -> None:
        created = identities.create(world.admin, "ci", IdentityKind.MACHINE)
        caller = identities.authenticate(created.api_key)
        assert (caller.identity, caller.api_key_id) == (created.identity, created.api_key_id)

    def test_sees_a_revocation_by_another_process_at_once(
        self, world: World, identities: Identities
    ) -> None:
        key = world.machine_key("ci")
        caller = identities.authenticate(key)
        with open_services(world.location) as elsewhere:
            elsewhere.identities.revoke_key(world.admin, "ci", caller.api_key_id)
        with pytest.raises(RefusedCaller) as refused:
            identities.authenticate(key)
        assert (status_of(refused.value.code), refused.value.code) == (401, "api_key_revoked")
        assert refused.value.caller.identity.name == "ci"

    def test_sees_a_disabled_identity_and_an_enabled_one(
        self, world: World, identities: Identities
    ) -> None:
        key = world.machine_key("ci")
        identities.disable(world.admin, "ci")
        assert refusal(lambda: identities.authenticate(key)) == (401, "identity_disabled")
        identities.enable(world.admin, "ci")
        assert identities.authenticate(key).identity.name == "ci"

    def test_a_key_is_not_in_the_store(self, world: World) -> None:
        key = world.machine_key("ci")
        for path in world.location.data_dir.iterdir():
            assert key.encode() not in path.read_bytes()


class TestIdentities:
    def test_a_machine_belongs_to_whoever_created_it(self, world: World) -> None:
        assert world.identity("ci", IdentityKind.MACHINE).identity.owner == "admin"

    def test_a_machine_made_by_a_machine_belongs_to_its_owner(
        self, world: World, identities: Identities
    ) -> None:
        robot = world.identity("robot", IdentityKind.MACHINE, ServerRole.ADMIN)
        created = identities.create(robot, "ci", IdentityKind.MACHINE)
        assert created.identity.owner == "admin"

    def test_an_owner_is_a_user(self, world: World, identities: Identities) -> None:
        world.identity("ann")
        world.identity("robot", IdentityKind.MACHINE)
        machine = IdentityKind.MACHINE
        created = identities.create(world.admin, "ci", machine, owner="ann")
        assert created.identity.proposed_owner == "ann"
        for owner in ("robot", "nobody"):
            with pytest.raises(Refused) as refused:
                identities.create(world.admin, "x", machine, owner=owner)
            assert refused.value.field == "owner"
        with pytest.raises(Refused) as refused:
            identities.create(world.admin, "x", IdentityKind.USER, owner="ann")
        assert refused.value.field == "owner"

    def test_a_name_is_given_once(self, world: World) -> None:
        world.identity("ann")
        assert refusal(lambda: world.identity("ann")) == (409, "identity_exists")

    def test_lists_are_paged_by_name(self, world: World, identities: Identities) -> None:
        for name in ("dave", "bob", "carol"):
            world.identity(name)
        first = identities.list(world.admin, PageRequest(2))
        second = identities.list(world.admin, PageRequest(2, first.next))
        names = [[each.name for each in page.items] for page in (first, second)]
        assert names == [["admin", "bob"], ["carol", "dave"]]
        assert second.next is None

    @pytest.mark.parametrize("cursor", ["!", "é", "//8=", "YR=="])
    def test_a_broken_cursor_is_refused(
        self, world: World, identities: Identities, cursor: str
    ) -> None:
        with pytest.raises(Refused) as refused:
            identities.list(world.admin, PageRequest(2, cursor))
        assert (status_of(refused.value.code), refused.value.field) == (400, "cursor")

    def test_keys_are_listed_without_their_secret(
        self, world: World, identities: Identities
    ) -> None:
        ann = world.identity("ann")
        second = identities.add_key(world.admin, "ann")
        revoked = identities.revoke_key(world.admin, "ann", ann.api_key_id)
        assert identities.keys(world.admin, "ann") == (revoked, second.key)
        assert revoked.revoked_at is not None

    def test_revoking_twice_keeps_the_first_time(
        self, world: World, identities: Identities
    ) -> None:
        ann = world.identity("ann")
        first = identities.revoke_key(world.admin, "ann", ann.api_key_id)
        assert identities.revoke_key(world.admin, "ann", ann.api_key_id) == first
        assert [row.entry.action for row in world.rows()].count("api_key:revoke") == 1

    def test_a_key_of_somebody_else_is_not_found(
        self, world: World, identities: Identities
    ) -> None:
        ann = world.identity("ann")
        world.identity("bob")
        revoke = lambda: identities.revoke_key(world.admin, "bob", ann.api_key_id)  # noqa: E731
        assert refusal(revoke) == (404, "api_key_not_found")


class TestWhoMay:
    @pytest.mark.parametrize("role", [None, ServerRole.AUDITOR])
    def test_only_admins_change_anything(
        self, world: World, identities: Identities, role: ServerRole | None
    ) -> None:
        ann = world.identity("ann", role=role)
        changes: list[Callable[[], object]] = [
            lambda: identities.create(ann, "bob", IdentityKind.USER),
            lambda: identities.disable(ann, "admin"),
            lambda: identities.enable(ann, "ann"),
            lambda: identities.add_key(ann, "ann"),
            lambda: identities.revoke_key(ann, "ann", ann.api_key_id),
        ]
        before = world.last_row()
        assert {refusal(change) for change in changes} == {(403, "admin_required")}
        assert world.last_row() == before

    def test_everybody_sees_themselves_and_their_machines_only(
        self, world: World, identities: Identities
    ) -> None:
        ann = world.identity("ann")
        world.identity("bob")
        world.identity("ci", IdentityKind.MACHINE, owner="ann")
        assert [identities.get(ann, name).name for name in ("ann", "ci")] == ["ann", "ci"]
        for name in ("bob", "admin", "nobody"):
            assert refusal(lambda n=name: identities.get(ann, n)) == (404, "identity_not_found")  # type: ignore[misc]
            assert refusal(lambda n=name: identities.keys(ann, n)) == (404, "identity_not_found")  # type: ignore[misc]
        assert refusal(lambda: identities.list(ann, PageRequest())) == (403, "reader_required")

    def test_auditors_see_everybody(self, world: World, identities: Identities) -> None:
        auditor = world.identity("eve", role=ServerRole.AUDITOR)
        assert len(identities.list(auditor, PageRequest()).items) == 2
        assert identities.get(auditor, "admin").name == "admin"

    def test_an_admin_who_was_just_disabled_changes_nothing(
        self, world: World, identities: Identities
    ) -> None:
        second = world.identity("second", role=ServerRole.ADMIN)
        identities.disable(world.admin, "second")
        create = lambda: identities.create(second, "x", IdentityKind.USER)  # noqa: E731
        assert refusal(create) == (401, "identity_disabled")

    def test_an_admin_whose_key_was_just_revoked_changes_nothing(
        self, world: World, identities: Identities
    ) -> None:
        second = world.identity("second", role=ServerRole.ADMIN)
        identities.revoke_key(world.admin, "second", second.api_key_id)
        create = lambda: identities.create(second, "x", IdentityKind.USER)  # noqa: E731
        assert refusal(create) == (401, "api_key_revoked")


class TestTheLastAdmin:
    def test_cannot_be_disabled(self, world: World, identities: Identities) -> None:
        assert refusal(lambda: identities.disable(world.admin, "admin")) == (409, "last_admin")

    def test_keeps_a_key(self, world: World, identities: Identities) -> None:
        admin = world.admin
        key = admin.api_key_id
        assert refusal(lambda: identities.revoke_key(admin, "admin", key)) == (409, "last_admin")
        identities.add_key(admin, "admin")
        assert identities.revoke_key(admin, "admin", key).revoked_at is not None

    def test_is_not_replaced_by_one_who_is_disabled_or_has_no_key(
        self, world: World, identities: Identities
    ) -> None:
        world.identity("second", role=ServerRole.ADMIN)
        identities.disable(world.admin, "second")
        third = world.identity("third", role=ServerRole.ADMIN)
        identities.revoke_key(world.admin, "third", third.api_key_id)
        assert refusal(lambda: identities.disable(world.admin, "admin")) == (409, "last_admin")
        identities.enable(world.admin, "second")
        assert identities.disable(world.admin, "admin").identity.disabled


def test_every_change_leaves_a_row(world: World, identities: Identities) -> None:
    ann = world.identity("ann", role=ServerRole.AUDITOR)
    identities.disable(world.admin, "ann")
    identities.disable(world.admin, "ann")  # changes nothing
    identities.enable(world.admin, "ann")
    added = identities.add_key(world.admin, "ann")
    identities.revoke_key(world.admin, "ann", ann.api_key_id)
    rows = [row.entry for row in reversed(world.rows())]
    assert [(row.action, row.object, row.actor) for row in rows] == [
        ("installation:create", "admin", None),
        ("identity:create", "ann", "admin"),
        ("identity:disable", "ann", "admin"),
        ("identity:enable", "ann", "admin"),
        ("api_key:create", "ann", "admin"),
        ("api_key:revoke", "ann", "admin"),
    ]
    assert rows[1].details == {
        "id": ann.identity.id,
        "kind": "user",
        "role": "auditor",
        "owner": None,
        "proposed_owner": None,
        "api_key_id": ann.api_key_id,
    }
    assert rows[4].details == {
        "api_key_id": added.key.id,
        "expires_at": None,
        "allowed_addresses": None,
    }
    assert {row.outcome for row in rows} == {None}
