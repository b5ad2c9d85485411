"""Servers under siege, one for each way in, and the calls of others that must go through."""

import base64
import hashlib
import json
import os
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import pytest

from sealwright.client.objects import PolicyStep, PolicyTerms
from tests.controlplane.authority import Authority
from tests.postgresql import database_for, postgresql
from tests.server import ControlPlane
from tests.siege.attackers import Target, head

__all__ = ["postgresql"]

SIEGE = int(os.environ.get("SEALWRIGHT_SIEGE", "1"))
"""How much longer than every day; from 2 on also what is the same by another way in."""

_numbers = count()


@dataclass(frozen=True)
class Answer:
    status: int
    code: str | None  # of a refusal
    retry_after: str | None
    content: bytes


@dataclass(frozen=True)
class Besieged:
    """A server with the signers `release` (P-256), `slow` (RSA-4096) and `bounded` (P-256, under
    a policy that asks for approval)."""

    target: Target
    operator: str  # API key of a machine that signs with all of them
    greedy: str  # of another one
    powerless: str  # of one that may do nothing
    revoked: str

    @property
    def plane(self) -> ControlPlane:
        return self.target.plane

    def call(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        key: str | None = None,
        source: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> Answer:
        """Over a connection of its own."""
        sent = dict(headers or {})
        if key is not None:
            sent["Authorization"] = f"Bearer {key}"
        if body is not None:
            sent["Content-Type"] = "application/json"
        with self.target.http(source) as connection:
            content = None if body is None else json.dumps(body)
            connection.request(method, path, content, sent)
            answer = connection.getresponse()
            content_ = answer.read()
            is_problem = answer.getheader("Content-Type") == "application/problem+json"
            return Answer(
                answer.status,
                json.loads(content_)["code"] if is_problem else None,
                answer.getheader("Retry-After"),
                content_,
            )

    def sign(
        self,
        key: str,
        signer: str = "release",
        *,
        text: str | None = None,
        idempotency_key: str | None = None,
        source: str | None = None,
    ) -> Answer:
        headers = {} if idempotency_key is None else {"Idempotency-Key": idempotency_key}
        body = to_sign(signer, text or str(next(_numbers)))
        return self.call(
            "POST", f"/v1/signers/{signer}/sign", body, key=key, source=source, headers=headers
        )

    def others_must_be_served(self, times: int = 2) -> None:
        """Known callers, new ones, and those without a key."""
        for _ in range(times):
            assert self.call("GET", "/v1/health/live").status == 200
            answer = self.sign(self.operator)
            assert answer.status == 200, answer
            name = f"new-{next(_numbers)}"
            body = {"name": name, "kind": "machine"}
            made = self.call("POST", "/v1/identities", body, key=self.plane.admin_key)
            assert made.status == 201, made
            newcomer = json.loads(made.content)["api_key"]
            assert self.call("GET", "/v1/catalogue", key=newcomer).status == 200
        assert self.call("GET", "/v1/health/ready").status == 200

    def rows(self) -> list[dict[str, object]]:
        """Of the audit log, oldest first."""
        answer = self.call("GET", "/v1/operations/export", key=self.plane.admin_key)
        assert answer.status == 200
        return [json.loads(line) for line in answer.content.splitlines()]

    def peak(self) -> int:
        """Octets of memory that the worker with most ever had."""
        return max(_peak(worker) for worker in self.plane.workers())


def to_sign(signer: str, text: str) -> dict[str, str]:
    """The body of a call."""
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    scheme = "rsa-pkcs1v15" if signer == "slow" else "ecdsa"
    return {"scheme": scheme, "hash": "sha256", "digest": digest}


def sign_request(key: str, text: str, signer: str = "release") -> bytes:
    body = json.dumps(to_sign(signer, text)).encode()
    return head("POST", f"/v1/signers/{signer}/sign", key=key, length=len(body)) + body


def _peak(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("no VmHWM")


@contextmanager
def besieged_at(
    folder: Path, *options: str, way_in: str = "tcp", database: str | None = None
) -> Iterator[Besieged]:
    """`way_in`: tcp, tls or unix."""
    folder.mkdir(parents=True, exist_ok=True)
    plane = ControlPlane.install(folder, *options, database=database)
    trust = None
    if way_in == "tls":
        authority = Authority(folder)
        certificate, key = authority.issue("server", "127.0.0.1")
        plane.serve_options += ("--tls-cert", str(certificate), "--tls-key", str(key))
        plane.ca_file = authority.certificate
        trust = ssl.create_default_context(cafile=authority.certificate)
    plane.start(f"unix:{folder}/socket" if way_in == "unix" else "127.0.0.1:0")
    try:
        yield _furnished(Target(plane, trust))
    finally:
        plane.kill()


def _furnished(target: Target) -> Besieged:
    plane = target.plane
    admin = plane.client()
    admin.create_identity("ann", "user")
    operator, greedy, powerless, revoked = map(
        plane.create_machine, ("operator", "greedy", "powerless", "revoked")
    )
    (known,) = admin.identity("revoked").value.keys or []
    admin.revoke_key("revoked", known.id)
    terms = PolicyTerms(
        max_window_seconds=3600, max_signings=10, steps=[PolicyStep("lead", 1, ["ann"])]
    )
    admin.create_policy("asks", terms)
    members = {"operator": "operator", "greedy": "operator"}
    for name, kind in (("release", "p256"), ("slow", "rsa-4096"), ("bounded", "p256")):
        plane.create_signer(name, kind, **members)
    admin.set_policy("bounded", "asks")
    return Besieged(target, operator, greedy, powerless, revoked)


@pytest.fixture(scope="module", params=["tcp", "tls", "unix"])
def besieged(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Besieged]:
    """A worker, on SQLite, for each way in; shared by the tests of a module."""
    folder = tmp_path_factory.mktemp(request.param)
    with besieged_at(folder, way_in=request.param) as found:
        yield found


@pytest.fixture(scope="module")
def besieged_with_tls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Besieged]:
    with besieged_at(tmp_path_factory.mktemp("tls-alone"), way_in="tls") as found:
        yield found


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def besieged_store(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Besieged]:
    """Two workers, over TCP, on each store; shared by the tests of a module."""
    folder = tmp_path_factory.mktemp(request.param)
    with besieged_at(folder, "--workers", "2", database=database_for(request)) as found:
        yield found


@pytest.fixture(scope="module", params=["sqlite"] if SIEGE == 1 else ["sqlite", "postgresql"])
def besieged_loops(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Besieged]:
    """A worker, for what takes many calls; shared by the tests of a module."""
    folder = tmp_path_factory.mktemp(f"loops-{request.param}")
    with besieged_at(folder, database=database_for(request)) as found:
        yield found
