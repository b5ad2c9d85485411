"""Callers who call too much, with keys of every kind: the others are served, and the log stays
small."""

import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event

import pytest

from controlplane.service.rates import A_SECOND, BURST
from tests.siege.attackers import head
from tests.siege.conftest import SIEGE, Answer, Besieged, to_sign

LARGEST_ROW = 1500  # octets, of a caller who is not let in
MOST_CALLS = 20 * BURST  # in which a loop must have ended


@contextmanager
def looping(call: Callable[[int], object], threads: int = 4) -> Iterator[list[object]]:
    """Calls that are made again and again meanwhile; what came of them."""
    stopping = Event()
    came: list[object] = []

    def go_on(first: int) -> None:
        number = first
        while not stopping.is_set():
            came.append(call(number))
            number += threads

    with ThreadPoolExecutor(threads) as pool:
        running = [pool.submit(go_on, thread) for thread in range(threads)]
        try:
            yield came
        finally:
            stopping.set()
        for each in running:
            each.result()


def until_refused(call: Callable[[int], Answer]) -> list[Answer]:
    """Answers in order; the last is 429."""
    answers: list[Answer] = []
    for number in range(MOST_CALLS):
        answers.append(call(number))
        if answers[-1].status == 429:
            return answers
    raise AssertionError(f"{MOST_CALLS} calls were answered {answers[-1]}")


def newcomer(besieged: Besieged, name: str, *, role: str | None = None, signs: bool = True) -> str:
    """The API key of a machine that is an operator of all signers if it `signs`; or of a user
    with a server role."""
    client = besieged.plane.client()
    made = client.create_identity(name, "machine" if role is None else "user", role=role).value
    if signs and role is None:
        for signer in ("release", "slow", "bounded"):
            client.add_member(signer, name, "operator")
    assert made.api_key is not None
    return made.api_key


@pytest.mark.parametrize(
    "signer", ["release", "a%00b"] if SIEGE == 1 else ["release", "a%00b", "%ff%ed%a0%80", "none"]
)
def test_a_revoked_key_in_a_loop_leaves_small_rows_and_then_none(
    besieged_store: Besieged, signer: str
) -> None:
    """Over all workers together, whatever it sends; others are untouched."""
    name = f"revoked-{abs(hash(signer))}"
    key = newcomer(besieged_store, name, signs=False)
    client = besieged_store.plane.client()
    (known,) = client.identity(name).value.keys or []
    client.revoke_key(name, known.id)
    path = f"/v1/signers/{signer}/sign"
    body = to_sign("release", "x") | {"client": {"tool": "\U0001f600" * 900, "command": "y" * 2000}}

    def call(_: int) -> Answer:
        return besieged_store.call("POST", path, body, key=key)

    began = time.monotonic()
    with looping(call) as came:  # several connections, so that both workers are called
        while not any(each.status == 429 for each in came if isinstance(each, Answer)):
            besieged_store.others_must_be_served(1)
        besieged_store.others_must_be_served(SIEGE)
    seconds = time.monotonic() - began
    answers = [each for each in came if isinstance(each, Answer)]
    assert {(each.status, each.code) for each in answers} == {
        (401, "api_key_revoked"),
        (429, "too_many_calls"),
    }
    assert all(each.retry_after for each in answers if each.status == 429)
    rows = [row for row in besieged_store.rows() if row["actor"] == name]
    assert len(rows) == sum(each.status == 401 for each in answers)  # each call a row
    workers = len(besieged_store.plane.workers())
    # A count can be lost where two processes count at once.
    assert BURST <= len(rows) <= (BURST + A_SECOND * seconds) * 1.1 + workers
    assert {row["reason"] for row in rows} == {"api_key_revoked"}
    assert max(len(json.dumps(row, ensure_ascii=False).encode()) for row in rows) < LARGEST_ROW


LOOPS: dict[str, Callable[[Besieged, str, int], Answer]] = {
    "idempotency_conflict": lambda b, key, n: b.sign(
        key, text=f"{n}", idempotency_key=f"{key[-9:]}"
    ),
    "no_active_grant": lambda b, key, _: b.sign(key, "bounded"),
    "signer_not_found": lambda b, key, _: b.sign(key, "no-such-signer"),
    "scheme_key_mismatch": lambda b, key, _: b.call(
        "POST", "/v1/signers/release/sign", to_sign("slow", "x"), key=key
    ),
    "requests made": lambda b, key, n: b.call(
        "POST",
        "/v1/signers/bounded/requests",
        {"justification": f"{n}", "window_seconds": 60, "signings": 1},
        key=key,
    ),
    "nothing found": lambda b, key, n: b.call("GET", f"/v1/signers/none-{n}", key=key),
    "not for them": lambda b, key, _: b.call("GET", "/v1/operations/head", key=key),
    "not theirs to change": lambda b, key, n: b.call(
        "POST", "/v1/identities", {"name": f"x-{n}", "kind": "user"}, key=key
    ),
}


@pytest.mark.parametrize("what", LOOPS)
def test_a_loop_of_calls_that_are_refused_or_change_something_is_stopped(
    besieged_loops: Besieged, what: str
) -> None:
    key = newcomer(besieged_loops, f"loops-{what.replace(' ', '-')}")
    answers = until_refused(lambda number: LOOPS[what](besieged_loops, key, number))
    assert (answers[-1].code, answers[-1].retry_after) == ("too_many_calls", "1")
    assert len(answers) > BURST / 2
    assert besieged_loops.sign(key).status == 200  # all the same
    besieged_loops.others_must_be_served(1)


def test_requests_made_and_cancelled_in_a_loop_are_stopped(besieged_loops: Besieged) -> None:
    key = newcomer(besieged_loops, "undecided")

    def call(number: int) -> Answer:
        made = LOOPS["requests made"](besieged_loops, key, number)
        if made.status != 201:
            return made
        return besieged_loops.call(
            "POST", f"/v1/requests/{json.loads(made.content)['id']}/cancel", {}, key=key
        )

    answers = until_refused(call)
    assert {each.status for each in answers[:-1]} == {200}
    assert besieged_loops.sign(key).status == 200


def test_changes_of_callers_who_never_read_the_answer_count(besieged_loops: Besieged) -> None:
    key = newcomer(besieged_loops, "hasty")
    body = json.dumps({"justification": "%05d", "window_seconds": 60, "signings": 1})
    length = len(body % 0)
    request = head("POST", "/v1/signers/bounded/requests", key=key, length=length).decode() + body
    for number in range(2 * BURST):
        with besieged_loops.target.connect() as connection:
            connection.sendall((request % number).encode())
    assert until_refused(lambda n: LOOPS["requests made"](besieged_loops, key, n))
    rows = [row for row in besieged_loops.rows() if row["actor"] == "hasty"]
    assert len(rows) <= BURST + 100


def test_changes_of_an_admin_are_not_bounded(besieged_loops: Besieged) -> None:
    key = newcomer(besieged_loops, "busy-admin", role="admin")
    for number in range(BURST + 50):
        body = {"name": f"made-{number}", "kind": "machine"}
        assert besieged_loops.call("POST", "/v1/identities", body, key=key).status == 201
    answers = until_refused(
        lambda _: besieged_loops.call(
            "POST", "/v1/identities", {"name": "made-0", "kind": "machine"}, key=key
        )
    )
    assert {each.code for each in answers[:-1]} == {"identity_exists"}


def test_made_up_keys_leave_no_rows_and_keep_nobody_waiting(besieged_store: Besieged) -> None:
    before = len(besieged_store.rows())

    def call(number: int) -> Answer:
        return besieged_store.sign(f"swk_{number:043}", source=f"127.0.0.{number % 200 + 2}")

    calls = 0
    with looping(call) as came:
        while len(came) < 300 * SIEGE:
            assert besieged_store.sign(besieged_store.operator).status == 200
            calls += 1
    assert {(each.status, each.code) for each in came if isinstance(each, Answer)} == {
        (401, "api_key_unknown")
    }
    assert len(besieged_store.rows()) == before + calls
