"""Invariant 2: a grant for N signings releases N signatures, whoever asks, wherever, at once."""

import os
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest

from sealwright.client.objects import Grant, PolicyStep, PolicyTerms
from tests.invariants.callers import sign
from tests.postgresql import database_for
from tests.server import ControlPlane, key_of, running

CALLERS = 64
SIGNINGS = 25
ROUNDS = int(os.environ.get("SEALWRIGHT_ROUNDS", "3"))
WORKERS = 4


@dataclass(frozen=True)
class Service:
    """Two nodes of one store: `first` has four processes, `second` one."""

    first: ControlPlane
    second: ControlPlane
    ci_key: str
    ann_key: str

    def grant(self, signings: int, window_seconds: int = 3600) -> Grant:
        ann = self.first.client(self.ann_key)
        return ann.create_grant("release", "ci", "a test", window_seconds, signings).value

    def sign(self, plane: ControlPlane, text: str) -> tuple[int, str]:
        """Status, and the signature or the code of the refusal."""
        reply = sign(plane.port, self.ci_key, text)
        return reply.status, reply.text

    def sign_at_once(self, name: str, planes: list[ControlPlane]) -> list[tuple[int, str]]:
        barrier = threading.Barrier(CALLERS)

        def call(number: int) -> tuple[int, str]:
            barrier.wait()
            return self.sign(planes[number % len(planes)], f"{name}-{number}")

        with ThreadPoolExecutor(CALLERS) as pool:
            return list(pool.map(call, range(CALLERS)))


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def service(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    database = database_for(request)
    folder = tmp_path_factory.mktemp("quota")
    with running(folder / "first", "--workers", str(WORKERS), database=database) as first:
        admin = first.client()
        ann_key = key_of(admin.create_identity("ann", "user").value)
        ci_key = first.create_machine("ci")
        admin.create_policy(
            "bounded",
            PolicyTerms(
                max_window_seconds=3600,
                max_signings=SIGNINGS,
                steps=[PolicyStep("lead", 1, ["ann"])],
            ),
        )
        first.create_signer("release", "p256", ann="administrator", ci="operator")
        admin.set_policy("release", "bounded")
        if database is None:
            second = ControlPlane(first.folder, first.admin_key)
        else:
            second = first.join(folder / "second", database)
        second.start()
        try:
            yield Service(first, second, ci_key, ann_key)
        finally:
            second.kill()


def check_used_up(service: Service, grants: list[Grant], answers: list[tuple[int, str]]) -> None:
    """As many signatures as the grants are for; each has its row, each other call one too."""
    wanted = sum(grant.max_signings or 0 for grant in grants)
    assert Counter(status for status, _ in answers) == {200: wanted, 403: CALLERS - wanted}
    assert {code for status, code in answers if status != 200} == {"no_active_grant"}
    rows = service.first.signings("release")[:CALLERS]
    released = {signature for status, signature in answers if status == 200}
    ids = {grant.id for grant in grants}
    succeeded = [row for row in rows if row.outcome == "succeeded"]
    assert {row.grant_id for row in succeeded} == ids
    assert len(succeeded) == len(released) == wanted
    denied = [row for row in rows if row.outcome == "denied"]
    assert [row.reason for row in denied] == ["no_active_grant"] * (CALLERS - wanted)
    for grant in grants:
        now = service.first.client().grant(grant.id).value
        assert (now.state, now.used) == ("exhausted", grant.max_signings)


@pytest.mark.parametrize("round_", range(ROUNDS))
def test_of_64_callers_on_4_processes_25_are_served(service: Service, round_: int) -> None:
    grant = service.grant(SIGNINGS)
    answers = service.sign_at_once(f"one-{round_}", [service.first])
    check_used_up(service, [grant], answers)


def test_several_open_grants_are_used_up_to_the_last_signing(service: Service) -> None:
    """On both servers, the one that ends first before the others."""
    grants = [service.grant(signings, 600 + 60 * signings) for signings in (7, 3, 11)]
    answers = service.sign_at_once("several", [service.first, service.second])
    check_used_up(service, grants, answers)


def test_a_revoked_grant_is_refused_by_the_next_call_on_another_process(service: Service) -> None:
    grant = service.grant(SIGNINGS)
    for plane in (service.first, service.second):
        assert service.sign(plane, f"before-{plane.port}")[0] == 200
    service.first.client(service.ann_key).revoke_grant(grant.id, "enough")
    for plane in (service.second, service.first):
        assert service.sign(plane, f"after-{plane.port}") == (403, "no_active_grant")


def test_a_retry_uses_up_nothing(service: Service) -> None:
    grant = service.grant(1)
    first = service.sign(service.first, "retried")
    assert first[0] == 200
    assert service.sign(service.second, "another") == (403, "no_active_grant")
    assert [service.sign(service.second, "retried") for _ in range(3)] == [first] * 3
    assert service.first.client().grant(grant.id).value.used == 1
