"""A service with quotas under load, and what must be true of it afterwards, whatever happened."""

import json
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sealwright.client.client import Client
from sealwright.client.connection import Connection
from sealwright.client.objects import Grant, PolicyStep, PolicyTerms
from tests.invariants.callers import Reply, sign
from tests.invariants.load import PATIENCE, Granter, InsistentCaller, Load
from tests.server import ControlPlane, key_of, running

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


@contextmanager
def loadable(folder: Path, database: str | None = None) -> Iterator[Service]:
    """On SQLite, or two nodes on this PostgreSQL database."""
    options = ("--workers", str(WORKERS))
    with running(folder / "first", *options, database=database) as first:
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
                second = first.join(folder / "second", database)
                second.serve_options = options
                second.start()
                nodes.append(second)
            yield Service(nodes, ann_key, *keys)
        finally:
            for node in nodes[1:]:
                node.kill()


@contextmanager
def under_load(service: Service) -> Iterator[Load]:
    """Callers of both machines; afterwards they were all answered, and clients and log agree."""
    load = Load([node.port for node in service.nodes])
    threads: list[threading.Thread] = [
        InsistentCaller(load, key, signer, f"{signer}-{number}")
        for signer, key in (("bounded", service.bounded_key), ("free", service.free_key))
        for number in range(CALLERS)
    ]
    threads.append(Granter(load, service.ann(), "needs-grants", SIGNINGS))
    for thread in threads:
        thread.start()
    try:
        yield load
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


def figures(service: Service, load: Load, began: float, what: Mapping[str, int]) -> str:
    """For people; `began` by time.monotonic()."""
    all_figures = {
        **what,
        "signatures": len(load.released),
        "rows": service.nodes[0].client().operations_head().value.sequence,
        "broken connections": load.lost,
        "answers 503 or 429": load.unavailable,
        "grants used up": len(service.grants()),
        "calls refused for want of one": load.refused,
        "seconds": round(time.monotonic() - began),
    }
    text = ", ".join(f"{number} {name}" for name, number in all_figures.items())
    return f"\n{len(service.nodes)} node(s): {text}"


def until(condition: Callable[[], bool], patience: float = PATIENCE) -> None:
    end = time.monotonic() + patience
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


def check_that_it_came_back(service: Service) -> None:
    for node in service.nodes:
        until(lambda node=node: len(node.workers()) == WORKERS)  # type: ignore[misc]  # mypy: a default
        assert node.client().live().value.status == "live"


def use_up_what_is_left(service: Service) -> dict[str, str]:
    """A quota that was lost to a kill would show as a grant that is never exhausted."""
    released: dict[str, str] = {}
    for number in range(SIGNINGS * len(service.grants()) + 1):
        key = f"left-{number}"
        reply = _sign_at_last(service.nodes[number % len(service.nodes)], service.bounded_key, key)
        if reply.status != 200:
            assert (reply.status, reply.text) == (403, "no_active_grant"), reply
            return released
        released[key] = reply.text
    raise AssertionError("more signatures than all grants are for")


def _sign_at_last(node: ControlPlane, api_key: str, key: str) -> Reply:
    """A worker that was starting when the store went opens it a moment after the others; which one
    answers nobody knows."""
    end = time.monotonic() + PATIENCE
    while True:
        reply = sign(node.port, api_key, key, signer="bounded")
        if reply.status not in (429, 503) or time.monotonic() > end:
            return reply
        threading.Event().wait(0.05)


def check_recorded(service: Service, released: dict[str, str]) -> list[dict[str, Any]]:
    """All rows, after each success in them was found to be what a client got, and each once."""
    for node in service.nodes:
        verdict = json.loads(run(node, "audit", "verify", "--state", "--json"))
        rows = rows_of(node)
        assert (verdict["intact"], verdict["rows"]) == (True, len(rows))
        assert verdict["state"]["altered"] == []
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
