"""An installation is made once, whole or not at all, and opened only with its own master key."""

from pathlib import Path

import pytest

from controlplane.domain.model import IdentityKind, ServerRole
from controlplane.domain.operation import OperationFilter
from controlplane.domain.page import PageRequest
from controlplane.errors import Refused
from controlplane.keys.encrypted import EncryptedKeys
from controlplane.keys.master_key import create_master_key
from controlplane.service.installation import initialise, new_admin_key, open_services
from controlplane.service.location import Location


@pytest.fixture
def location(tmp_path: Path) -> Location:
    return Location(tmp_path / "data")


def refusal(call: object, location: Location) -> str:
    assert callable(call)
    with pytest.raises(Refused) as refused:
        call(location)
    return refused.value.code


class TestInitialise:
    def test_makes_the_first_admin(self, location: Location) -> None:
        first = initialise(location)
        assert (first.identity.name, first.identity.kind) == ("admin", IdentityKind.USER)
        assert first.identity.role is ServerRole.ADMIN
        with open_services(location) as services:
            assert services.identities.authenticate(first.api_key).identity == first.identity

    def test_takes_an_empty_folder_and_closes_it_to_others(self, location: Location) -> None:
        location.data_dir.mkdir(mode=0o755)
        initialise(location)
        assert location.data_dir.stat().st_mode & 0o777 == 0o700

    def test_leaves_a_folder_alone_that_is_in_use(self, location: Location) -> None:
        location.data_dir.mkdir(mode=0o755)
        (location.data_dir / "letter.txt").write_text("dear")
        assert refusal(initialise, location) == "data_dir_not_empty"
        assert [path.name for path in location.data_dir.iterdir()] == ["letter.txt"]
        assert location.data_dir.stat().st_mode & 0o777 == 0o755

    def test_is_refused_a_second_time_and_changes_nothing(self, location: Location) -> None:
        first = initialise(location)
        assert refusal(initialise, location) == "already_initialised"
        with open_services(location) as services:
            services.identities.authenticate(first.api_key)

    def test_puts_database_and_master_key_where_it_is_told(self, tmp_path: Path) -> None:
        keys = tmp_path / "keys"
        keys.mkdir()
        location = Location(
            tmp_path / "data",
            database=f"sqlite:///{tmp_path}/elsewhere.db",
            master_key_file=keys / "master",
        )
        initialise(location)
        written = sorted((tmp_path / "data").iterdir())
        assert [each.name for each in written] == ["anchor.json", "location.json"]
        for each in written:
            assert each.stat().st_mode & 0o777 == 0o600
        open_services(Location(tmp_path / "data")).close()  # the data directory is enough
        assert (keys / "master").stat().st_mode & 0o777 == 0o600
        open_services(location).close()

    def test_does_not_overwrite_a_master_key(self, tmp_path: Path) -> None:
        create_master_key(tmp_path / "master")
        location = Location(tmp_path / "data", master_key_file=tmp_path / "master")
        before = (tmp_path / "master").read_bytes()
        assert refusal(initialise, location) == "master_key_exists"
        assert (tmp_path / "master").read_bytes() == before
        assert not location.data_dir.exists()

    def test_leaves_nothing_behind_when_it_fails(
        self, location: Location, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(*_: object) -> None:
            raise RuntimeError

        with monkeypatch.context() as broken:
            broken.setattr(EncryptedKeys, "generate", fail)
            with pytest.raises(RuntimeError):
                initialise(location)
        assert not location.data_dir.exists()
        initialise(location)

    def test_a_place_that_cannot_hold_it_is_named(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        assert refusal(initialise, Location(tmp_path / "file" / "data")) == "data_dir_unusable"
        missing = Location(tmp_path / "data", database=f"sqlite:///{tmp_path}/none/x.db")
        assert refusal(initialise, missing) == "store_unavailable"
        assert not (tmp_path / "data").exists()


class TestOpening:
    def test_needs_a_store(self, location: Location) -> None:
        assert refusal(open_services, location) == "not_initialised"
        location.data_dir.mkdir()
        location.store_path.touch()
        assert refusal(open_services, location) == "not_initialised"

    def test_needs_a_database(self, location: Location) -> None:
        initialise(location)
        location.store_path.write_bytes(b"this is no database, whatever its name says" * 100)
        assert refusal(open_services, location) == "store_unavailable"

    def test_needs_its_own_master_key(self, location: Location, tmp_path: Path) -> None:
        initialise(location)
        location.master_key_path.unlink()
        assert refusal(open_services, location) == "master_key_unreadable"
        create_master_key(location.master_key_path)
        assert refusal(open_services, location) == "master_key_wrong"

    def test_is_refused_when_others_can_read_the_master_key(self, location: Location) -> None:
        initialise(location)
        location.master_key_path.chmod(0o644)
        assert refusal(open_services, location) == "master_key_unreadable"

    def test_two_at_once_share_the_store(self, location: Location) -> None:
        first = initialise(location)
        with open_services(location) as one, open_services(location) as two:
            admin = one.identities.authenticate(first.api_key)
            created = one.identities.create(admin, "ann", IdentityKind.USER)
            assert two.identities.authenticate(created.api_key).identity.name == "ann"
            one.check_ready()
            two.check_ready()


class TestNewAdminKey:
    def test_lets_a_locked_out_admin_in_again(self, location: Location) -> None:
        first = initialise(location)
        second = new_admin_key(location)
        assert second.identity == first.identity
        with open_services(location) as services:
            admin = services.identities.authenticate(second.api_key)
            services.identities.authenticate(first.api_key)
            (row,) = services.audit.list(admin, OperationFilter(), PageRequest(1)).items
        assert (row.entry.action, row.entry.actor) == ("api_key:create", None)
        assert row.entry.object == "admin"

    def test_enables_an_admin_who_was_disabled(self, location: Location) -> None:
        first = initialise(location)
        with open_services(location) as services:
            admin = services.identities.authenticate(first.api_key)
            other = services.identities.create(admin, "other", IdentityKind.USER, ServerRole.ADMIN)
            services.identities.disable(services.identities.authenticate(other.api_key), "admin")
        again = new_admin_key(location)
        with open_services(location) as services:
            assert not services.identities.authenticate(again.api_key).identity.disabled

    def test_needs_a_store(self, location: Location) -> None:
        assert refusal(new_admin_key, location) == "not_initialised"
