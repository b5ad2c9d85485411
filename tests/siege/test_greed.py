"""One caller, or a few, who want all of the server: its threads, its memory, its places."""

import select
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from controlplane.admission.calls import WAITING_OF_A_CALLER
from controlplane.store.sqlite import SqliteStore
from tests.server import key_of
from tests.siege.attackers import PATIENCE, SMALL_WINDOW, Attack, head
from tests.siege.conftest import SIEGE, Besieged, besieged_at, sign_request, to_sign

BUSY = 300  # connections of one caller; each call takes an RSA-4096 signature
UNREAD = 200
LONGEST = 96 * 1024  # octets of the body of a call to sign
# Octets of a worker, which is some 85 MB itself: of a gigabyte that waits to be taken.
MOST_MEMORY = 256 * 1024 * 1024
ROW_TEXT = 1024  # characters of each text of a large row


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Besieged]:
    """One worker with two threads."""
    with besieged_at(tmp_path_factory.mktemp("alone"), "--threads", "2") as found:
        yield found


def fresh(besieged: Besieged, name: str, *, role: str | None = None) -> str:
    """The API key of a user of this test alone, who signs with all signers."""
    client = besieged.plane.client()
    made = client.create_identity(name, "user", role=role).value
    if role is None:
        for signer in ("release", "slow"):
            client.add_member(signer, name, "operator")
    assert made.api_key is not None
    assert besieged.call("GET", "/v1/catalogue", key=made.api_key).status == 200
    return made.api_key


def flood(
    opened: ExitStack, besieged: Besieged, key: str, number: int, signer: str = "slow"
) -> list[socket.socket]:
    """So many connections with a call on each, whose answers nobody has read."""
    connections = []
    for index in range(number):
        connection = opened.enter_context(besieged.target.connect())
        connection.settimeout(3 * PATIENCE)
        connection.sendall(sign_request(key, str(index), signer))
        connections.append(connection)
    return connections


def status_of(connection: socket.socket) -> tuple[int, bytes]:
    answer = connection.recv(65_536)
    return int(answer.split()[1]), answer


def test_who_calls_a_lot_does_not_keep_others_waiting(alone: Besieged) -> None:
    key = fresh(alone, "insatiable")
    with ExitStack() as opened:
        for number in range(BUSY):
            connection = opened.enter_context(alone.target.connect())
            connection.sendall(sign_request(key, str(number), "slow") * 16)
        assert alone.sign(alone.operator).status == 200
        assert alone.sign(alone.operator, "slow").status == 200
        answered = sum(row.actor == "insatiable" for row in alone.plane.signings("slow"))
        assert answered < BUSY  # it did not queue up behind them


def test_64_calls_at_once_of_one_caller_are_no_overload(alone: Besieged) -> None:
    with ExitStack() as opened:
        connections = flood(opened, alone, fresh(alone, "sixty-four"), 64)
        assert {status_of(each)[0] for each in connections} == {200}


def test_past_what_may_wait_a_call_is_refused_at_once(alone: Besieged) -> None:
    key = fresh(alone, "overload")
    store = SqliteStore(alone.plane.folder / "data" / "sealwright.db")
    with ExitStack() as opened, store.closing():
        with store.write():  # so nobody is served
            connections = flood(opened, alone, key, WAITING_OF_A_CALLER + 200, "release")
            refused, _, _ = select.select(connections, [], [], PATIENCE)
            assert refused
            for each in refused:
                status, answer = status_of(each)
                assert status == 503
                assert b"\r\nretry-after: 1\r\n" in answer.lower()
                assert b'"code":"overloaded"' in answer
            assert alone.call("GET", "/v1/health/live").status == 200
        later = [status_of(each)[0] for each in connections if each not in refused]
        assert set(later) <= {200, 503}
        assert later.count(200) >= WAITING_OF_A_CALLER


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("sign", "greedy"),
        ("/v1/operations/export", "auditor"),
        ("/v1/operations?limit=1000", "greedy"),
        ("/v1/catalogue", "greedy"),
        ("/metrics", "unknown"),
        ("/v1/catalogue", "unknown"),
        ("/v1/catalogue", "revoked"),
    ],
)
def test_whoever_fills_the_threads_keeps_no_signature_waiting(
    alone: Besieged, path: str, kind: str
) -> None:
    known = {"greedy": alone.greedy, "revoked": alone.revoked}
    if kind == "auditor":
        known[kind] = fresh(alone, "auditor", role="auditor")

    def open_one(number: int) -> socket.socket:
        key = known.get(kind, f"swk_{number:043}")
        connection = alone.target.connect()
        if path == "sign":
            connection.sendall(sign_request(key, str(number), "slow") * 64)
        else:
            connection.sendall(head("GET", path, key=key) * 64)
        return connection

    with Attack(open_one, 48) as attack:
        alone.others_must_be_served(2 * SIEGE)
        attack.must_be_on()


@pytest.mark.parametrize("way_in", ["tcp", "tls"])
def test_answers_that_nobody_takes_fill_no_memory(
    tmp_path_factory: pytest.TempPathFactory, way_in: str
) -> None:
    with besieged_at(tmp_path_factory.mktemp("memory"), way_in=way_in) as besieged:
        _fill_log(besieged)
        readers = ("reader-1", "reader-2")
        admin = besieged.plane.client()
        keys = [
            key_of(admin.create_identity(each, "user", role="auditor").value) for each in readers
        ]
        keys.append(besieged.greedy)
        for path in ("/v1/operations?limit=1000", "/v1/operations/export", "/v1/openapi.json"):

            def open_one(number: int, path: str = path) -> socket.socket:
                connection = besieged.target.connect(window=SMALL_WINDOW)
                connection.sendall(head("GET", path, key=keys[number % len(keys)]) * 4)
                return connection

            with Attack(open_one, UNREAD * SIEGE) as attack:
                besieged.others_must_be_served(2 * SIEGE)
                attack.must_be_on()
            assert besieged.peak() < MOST_MEMORY, path


def test_the_longest_calls_that_do_not_end_fill_no_memory(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    with besieged_at(tmp_path_factory.mktemp("messages")) as besieged:

        def open_one(_number: int) -> socket.socket:
            connection = besieged.target.connect()
            said = head("POST", "/v1/signers/release/sign", key=besieged.greedy, length=LONGEST)
            connection.sendall(said + b" " * (LONGEST - 1))
            return connection

        with Attack(open_one, UNREAD * SIEGE) as attack:
            besieged.others_must_be_served(2 * SIEGE)
            attack.must_be_on()
        assert besieged.peak() < MOST_MEMORY


def _fill_log(besieged: Besieged) -> None:
    """1,000 rows of more than 5 KB."""
    told = dict.fromkeys(("tool", "command", "hostname", "os_user"), "\U0001f600" * ROW_TEXT)

    def call(number: int) -> None:
        body = to_sign("release", f"large-{number}") | {"client": told}
        answer = besieged.call("POST", "/v1/signers/release/sign", body, key=besieged.operator)
        assert answer.status == 200

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(call, range(1000)))
    row = besieged.call("GET", "/v1/operations?limit=1", key=besieged.plane.admin_key)
    assert len(row.content) > 5 * 1024
