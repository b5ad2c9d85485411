"""Servers killed at random points under load: what clients got is what the log says, no more and
no less, and nobody has to repair anything."""

import json
import os
import random
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from sealwright.client.client import Client
from sealwright.client.connection import Connection
from sealwright.client.objects import Grant, PolicyStep, PolicyTerms
from tests.invariants.callers import sign
from tests.invariants.load import PATIENCE, Granter, InsistentCaller, Load
from tests.server import ControlPlane, key_of, running

KILLS = int(os.environ.get("SEALWRIGHT_KILLS", "8"))
"""`make kills` has the long version."""
MAIN_PROCESSES = 0.25  # of the kills; the others hit a worker
WORKERS = 2
CALLERS = 8  # of each signer
SIGNINGS = 50  # of one grant


@dataclass(frozen=True)
class Service:
    nodes: list[ControlPlane]
    ann_key: str
    bounded_key: str  # of a machine that needs grants
    free_key: str  # of one that does not

    def ann(self) -> Client:
        urls = ",".join(node.url for node in self.nodes)
        named = {"SEALWRIGHT_URL": urls, "SEALWRIGHT_API_KEY": self.ann_key}
        return Client(Connection.resolve(named))

    def grants(self) -> list[Grant]:
        client, found, cursor = self.nodes[0].client(), list[Grant](), None
        while True:
            page = client.grants(1000, cursor, signer="bounded").value
            found += page.items
            cursor = page.next
            if cursor is None:
                return found


@pytest.fixture(params=["sqlite", "postgresql with two nodes"])
def service(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Service]:
    options = ("--workers", str(WORKERS))
    database = None
    if request.param != "sqlite":
        database = request.getfixturevalue("postgresql").new_database()
    with running(tmp_path / "first", *options, database=database) as first:
        admin = first.client()
        ann_key = key_of(admin.create_identity("ann", "user").value)
        keys = [first.create_machine(name) for name in ("needs-grants", "needs-none")]
        terms = PolicyTerms(
            max_window_seconds=3600, max_signings=SIGNINGS, steps=[PolicyStep("lead", 1, ["ann"])]
        )
        admin.create_policy("bounded", terms)
        members = {"ann": "administrator", "needs-grants": "operator"}
        first.create_signer("bounded", "p256", **members)
        admin.set_policy("bounded", "bounded")
        first.create_signer("free", "p256", **{"needs-none": "operator"})
        nodes = [first]
        try:
            if database is not None:
                second = first.join(tmp_path / "second", database)
                second.serve_options = options
                second.start()
                nodes.append(second)
            yield Service(nodes, ann_key, *keys)
        finally:
            for node in nodes[1:]:
                node.kill()


@dataclass
class Killer:
    chance: random.Random
    killed: Counter[str]

    def strike(self, node: ControlPlane) -> None:
        until(lambda: len(node.workers()) == WORKERS)  # those killed before were replaced
        if self.chance.random() < MAIN_PROCESSES:
            node.kill_main()
            start_again(node)
            self.killed["main processes"] += 1
        else:
            victim = self.chance.choice(node.workers())
            os.kill(victim, signal.SIGKILL)
            until(lambda: victim not in node.workers())
            self.killed["workers"] += 1


def start_again(node: ControlPlane) -> None:
    """As whatever supervises a service does: at once, and again while the address is taken."""
    end = time.monotonic() + PATIENCE
    while True:
        try:
            node.start(node.again())
        except RuntimeError:
            assert "already in use" in node.log
            assert time.monotonic() < end, "it cannot be started"
        else:
            return


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        threading.Event().wait(0.02)


def run(node: ControlPlane, *arguments: str) -> bytes:
    """What the command prints, which has to succeed."""
    done = subprocess.run(
        node.command(*arguments), env=node.environment(), capture_output=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def rows_of(node: ControlPlane) -> list[dict[str, Any]]:
    return [json.loads(line) for line in run(node, "audit", "export").splitlines()]


def test_after_kills_at_random_points_clients_and_log_agree(
    service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    started = time.monotonic()
    load = Load([node.port for node in service.nodes])
    callers: list[threading.Thread] = [
        InsistentCaller(load, key, signer, f"{signer}-{number}")
        for signer, key in (("bounded", service.bounded_key), ("free", service.free_key))
        for number in range(CALLERS)
    ]
    threads = [*callers, Granter(load, service.ann(), "needs-grants", SIGNINGS)]
    killer = Killer(random.Random(KILLS), Counter())  # noqa: S311
    for thread in threads:
        thread.start()
    try:
        while killer.killed.total() < KILLS:
            load.await_more(killer.chance.randrange(1, 150))
            killer.strike(killer.chance.choice(service.nodes))
        load.await_more(100)
    finally:
        load.stopping.set()
        for thread in threads:
            thread.join()
    assert load.faults == []
    check_that_it_came_back(service)
    used_up = use_up_what_is_left(service)
    rows = check_recorded(service, load.released | used_up)
    check_quotas(service, rows)
    with capsys.disabled():
        figures = {
            **killer.killed,
            "signatures": len(load.released),
            "rows": len(rows),
            "broken connections": load.lost,
            "grants": len(service.grants()),
            "calls refused for want of one": load.refused,
            "seconds": round(time.monotonic() - started),
        }
        text = ", ".join(f"{number} {what}" for what, number in figures.items())
        print(f"\n{len(service.nodes)} node(s): {text}")  # noqa: T201


def check_that_it_came_back(service: Service) -> None:
    for node in service.nodes:
        until(lambda node=node: len(node.workers()) == WORKERS)  # type: ignore[misc]
        assert node.client().live().value.status == "live"


def use_up_what_is_left(service: Service) -> dict[str, str]:
    """A quota that was lost to a kill would show as a grant that is never exhausted."""
    released: dict[str, str] = {}
    for number in range(SIGNINGS * len(service.grants()) + 1):
        key = f"left-{number}"
        node = service.nodes[number % len(service.nodes)]
        reply = sign(node.port, service.bounded_key, key, signer="bounded")
        if reply.status != 200:
            assert (reply.status, reply.text) == (403, "no_active_grant")
            return released
        released[key] = reply.text
    raise AssertionError("more signatures than all grants are for")


def check_recorded(service: Service, released: dict[str, str]) -> list[dict[str, Any]]:
    """All rows, after each success in them was found to be what a client got, and each once."""
    node = service.nodes[-1]
    verdict = json.loads(run(node, "audit", "verify", "--json"))
    rows = rows_of(node)
    assert (verdict["intact"], verdict["rows"]) == (True, len(rows))
    succeeded = [row for row in rows if row["outcome"] == "succeeded"]
    assert len(succeeded) == len(released)
    assert {row["idempotency_key"]: row["signature"] for row in succeeded} == released
    return rows


def check_quotas(service: Service, rows: list[dict[str, Any]]) -> None:
    used = Counter(row["grant_id"] for row in rows if row["signer"] == "bounded" and is_done(row))
    grants = service.grants()
    assert used == {grant.id: SIGNINGS for grant in grants}
    assert {(grant.state, grant.used) for grant in grants} == {("exhausted", SIGNINGS)}


def is_done(row: dict[str, Any]) -> bool:
    return bool(row["outcome"] == "succeeded")
