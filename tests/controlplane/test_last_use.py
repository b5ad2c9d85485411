"""When and from where a key was used last, on both stores: to be read, and in nobody's way."""

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from peewee import Database

from controlplane.domain.model import Caller, LastUse
from controlplane.service.installation import Services, initialise, open_services
from controlplane.service.last_use import MOST_ADDRESSES, LastUses
from controlplane.service.location import Location
from controlplane.store import identities
from controlplane.store.database import Store, unavailable
from tests.controlplane.conftest import Api
from tests.postgresql import database, postgresql  # noqa: F401  # fixtures
from tests.world import SetClock

HERE, THERE = "192.0.2.7", "2001:db8::7"


@pytest.fixture
def clock() -> SetClock:
    clock = SetClock()
    clock.freeze()
    return clock


@pytest.fixture
def location(tmp_path: Path) -> Location:
    return Location(tmp_path / "data")


@pytest.fixture
def admin_key(location: Location) -> str:
    return initialise(location).api_key


@pytest.fixture
def services(location: Location, admin_key: str, clock: SetClock) -> Iterator[Services]:
    with open_services(location, clock) as services:
        yield services


@pytest.fixture
def store(services: Services) -> Store:
    return services._store


@pytest.fixture
def admin(services: Services, admin_key: str) -> Caller:
    return services.identities.authenticate(admin_key)


@pytest.fixture
def writes(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, LastUse]]:
    """What was written, in order."""
    came: list[dict[str, LastUse]] = []
    real = identities.note_uses

    def note(database: Database, uses: dict[str, LastUse]) -> None:  # noqa: F811
        came.append(uses)
        real(database, uses)

    monkeypatch.setattr(identities, "note_uses", note)
    return came


def last_use(services: Services, caller: Caller) -> LastUse | None:
    (key,) = services.identities.keys(caller, caller.identity.name)
    return key.last_use


def used(api: Api, name: str) -> list[tuple[str | None, str | None]]:
    keys: list[dict[str, Any]] = api.get(f"/v1/identities/{name}").json["keys"]
    return [(key["last_used_on"], key["last_used_from"]) for key in keys]


def test_every_call_that_was_let_in_is_a_use(
    tmp_path: Path,
    database: str | None,  # noqa: F811
    clock: SetClock,
) -> None:
    location = Location(tmp_path / "data", database)
    key, today = initialise(location).api_key, clock().date().isoformat()
    with open_services(location, clock) as services:
        api = Api(services, key)
        signs, scrapes, never = api.machine("signs"), api.machine("scrapes"), api.machine("never")
        api.signer("release", operator="signs")
        assert used(api, "signs") == [(None, None)]
        assert api.sign("release", signs).status_code == 200
        assert api.get("/metrics", key=scrapes, remote_addr=THERE).status_code == 200
        (known,) = api.get("/v1/identities/never").json["keys"]
        api.post(f"/v1/identities/never/keys/{known['id']}/revoke")
        assert api.get("/v1/whoami", key=never).status_code == 401
    clock.advance(days=1)
    with open_services(location, clock) as services:
        api = Api(services, key)
        assert used(api, "signs") == [(today, "127.0.0.1")]
        assert used(api, "scrapes") == [(today, THERE)]
        assert used(api, "never") == [(None, None)]
        assert api.get("/v1/whoami", key=signs, remote_addr=HERE).status_code == 200
        services._last_uses.close()
        assert used(api, "signs") == [(clock().date().isoformat(), HERE)]


def test_it_is_written_once_a_day_for_each_address(
    store: Store, admin: Caller, clock: SetClock, writes: list[dict[str, LastUse]]
) -> None:
    for address in (HERE, None):
        for days in (0, 1):
            clock.advance(days=days)
            uses = LastUses(store, clock)
            for _ in range(100):
                uses.note(admin, address)
            uses.close()
            uses.note(admin, address)
            assert writes.pop() == {admin.api_key_id: LastUse(clock().date(), address)}
            assert not writes


def test_a_process_that_runs_on_writes_each_new_address_and_each_day(
    services: Services,
    store: Store,
    admin: Caller,
    clock: SetClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("controlplane.service.last_use._GATHER_SECONDS", 0.0)
    real, written = identities.note_uses, threading.Semaphore(0)

    def note(database: Database, uses: dict[str, LastUse]) -> None:  # noqa: F811
        real(database, uses)
        written.release()

    monkeypatch.setattr(identities, "note_uses", note)
    uses = LastUses(store, clock)
    for days, address in ((0, HERE), (0, THERE), (1, THERE)):
        clock.advance(days=days)
        uses.note(admin, address)
        assert written.acquire(timeout=10)
    uses.close()
    assert last_use(services, admin) == LastUse(clock().date(), THERE)


def test_a_caller_with_any_number_of_addresses_makes_few_writes(
    store: Store, admin: Caller, clock: SetClock, writes: list[dict[str, LastUse]]
) -> None:
    uses = LastUses(store, clock)
    for number in range(MOST_ADDRESSES + 5):
        uses.note(admin, f"2001:db8::{number}")
    uses.close()
    assert writes == [
        {admin.api_key_id: LastUse(clock().date(), f"2001:db8::{MOST_ADDRESSES - 1}")}
    ]


def test_of_two_processes_the_later_day_stays(
    services: Services, store: Store, admin: Caller
) -> None:
    later, earlier = LastUse(date(2026, 2, 1), HERE), LastUse(date(2026, 1, 31), THERE)
    for use in (later, earlier):
        with store.write() as database:  # noqa: F811
            identities.note_uses(database, {admin.api_key_id: use})
        assert last_use(services, admin) == later


def test_it_is_nothing_that_a_decision_rests_on(
    services: Services, store: Store, admin: Caller
) -> None:
    before = store.epoch(), len(list(services.audit.export(admin)))
    services.note_use(admin, HERE)
    services._last_uses.close()
    assert last_use(services, admin) is not None
    assert (store.epoch(), len(list(services.audit.export(admin)))) == before


def test_a_store_that_cannot_be_written_keeps_nobody_waiting_and_loses_nothing(
    services: Services,
    store: Store,
    admin: Caller,
    clock: SetClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("controlplane.service.last_use._GATHER_SECONDS", 0.0)
    monkeypatch.setattr("controlplane.service.last_use._AGAIN_SECONDS", 0.01)
    real, tries, tried = store.write, iter([unavailable("full")] * 3), threading.Event()

    def write(wait: float = 0.0) -> AbstractContextManager[Database]:
        if (away := next(tries, None)) is not None:
            raise away
        tried.set()
        return real(wait or 10.0)

    monkeypatch.setattr(store, "write", write)
    uses = LastUses(store, clock)
    uses.note(admin, HERE)
    assert tried.wait(10)
    uses.close()
    assert last_use(services, admin) == LastUse(clock().date(), HERE)


def test_nothing_is_begun_for_nobody(store: Store, clock: SetClock) -> None:
    before = threading.active_count()
    LastUses(store, clock).close()
    assert threading.active_count() == before
