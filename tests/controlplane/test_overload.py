"""More calls than can be served at once: nobody starves, and too many are told so at once."""

import base64
import hashlib
import json
import select
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, suppress

import pytest
from controlplane.lanes import MOST_WAITING_IN_A_LANE
from controlplane.worker import SEND_SECONDS

from controlplane.store.sqlite import SqliteStore
from tests.controlplane.conftest import Api, Installation, Server
from tests.invariants.callers import connect, sign, sign_over

BUSY = 200  # calls of one identity at once; each takes an RSA-4096 signature


def request(api_key: str, text: str) -> bytes:
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    body = json.dumps({"scheme": "rsa-pkcs1v15", "hash": "sha256", "digest": digest}).encode()
    head = (
        "POST /v1/signers/slow/sign HTTP/1.1\r\nHost: localhost\r\n"
        f"Authorization: Bearer {api_key}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + body


def read_status(connection: socket.socket) -> tuple[int, bytes]:
    answer = b""
    while piece := connection.recv(65536):
        answer += piece
    return int(answer.split()[1]), answer


@pytest.fixture
def busy_key(api: Api) -> str:
    key = api.machine("busy")
    api.signer("slow", "rsa-4096", operator="busy")
    return key


@pytest.fixture
def flood(busy_key: str) -> Iterator[Callable[[Server, int], list[socket.socket]]]:
    """Opens so many connections and sends a call on each, without reading any answer."""
    with ExitStack() as opened:

        def send(server: Server, number: int) -> list[socket.socket]:
            connections = []
            for index in range(number):
                address = ("127.0.0.1", server.port)
                connection = opened.enter_context(socket.create_connection(address, timeout=60))
                connection.sendall(request(busy_key, str(index)))
                connections.append(connection)
            return connections

        yield send


def test_who_calls_a_lot_does_not_keep_others_waiting(
    api: Api,
    serve: Callable[..., Server],
    flood: Callable[[Server, int], list[socket.socket]],
) -> None:
    other = api.machine("other")
    api.signer("release", operator="other")
    server = serve(threads=2)
    connections = flood(server, BUSY)
    assert sign(server.port, other, "now").status == 200
    waiting = 0
    for connection in connections:
        connection.setblocking(False)
        try:
            connection.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            waiting += 1
        connection.setblocking(True)
    assert waiting > BUSY / 2  # it did not queue up behind them
    with ThreadPoolExecutor(8) as pool:
        assert {status for status, _ in pool.map(read_status, connections)} == {200}


def test_past_what_may_wait_a_call_is_refused_at_once(
    installation: Installation,
    serve: Callable[..., Server],
    flood: Callable[[Server, int], list[socket.socket]],
) -> None:
    server = serve(threads=2)
    store = SqliteStore(installation.location.store_path)
    with ThreadPoolExecutor(8) as pool, store.closing():
        with store.write():  # so nobody is served
            connections = flood(server, MOST_WAITING_IN_A_LANE + 400)
            refused, _, _ = select.select(connections, [], [], 60)
            assert refused
            for status, answer in pool.map(read_status, refused):
                assert status == 503
                assert b"\r\nRetry-After: 1\r\n" in answer
                assert b'"code":"overloaded"' in answer
        waiting = [each for each in connections if each not in refused]
        later = [status for status, _ in pool.map(read_status, waiting)]
    assert set(later) <= {200, 503}
    assert later.count(200) >= MOST_WAITING_IN_A_LANE


def test_64_calls_at_once_of_one_identity_are_no_overload(
    serve: Callable[..., Server], flood: Callable[[Server, int], list[socket.socket]]
) -> None:
    connections = flood(serve(threads=2), 64)
    with ThreadPoolExecutor(8) as pool:
        assert {status for status, _ in pool.map(read_status, connections)} == {200}


def test_a_flood_of_unknown_keys_leaves_no_rows(
    api: Api, serve: Callable[..., Server], busy_key: str
) -> None:
    server = serve()
    before = api.rows()
    for number in range(300):
        answer = sign(server.port, f"swk_{number:043}", str(number), signer="slow")
        assert (answer.status, answer.text) == (401, "api_key_unknown")
    assert api.rows() == before


def test_a_flood_of_denials_is_stopped_and_others_go_on(
    api: Api, serve: Callable[..., Server], busy_key: str
) -> None:
    other = api.machine("other")
    api.signer("release", operator="other")
    server = serve()
    answers = []
    for number in range(2000):
        answers.append(sign(server.port, busy_key, f"denied-{number}"))
        if answers[-1].status == 429:
            break
    assert (answers[-1].status, answers[-1].text) == (429, "too_many_denials")
    assert answers[-1].retry_after is not None
    assert {answer.status for answer in answers[:-1]} == {404}
    assert sign(server.port, other, "now").status == 200
    everything = api.get("/v1/operations/export").text.splitlines()
    rows = [row for row in map(json.loads, everything) if row["outcome"] == "denied"]
    assert len(rows) == len(answers) - 1


@pytest.mark.parametrize("known", [True, False])
def test_who_does_not_read_the_answers_keeps_nobody_waiting(
    api: Api, serve: Callable[..., Server], busy_key: str, known: bool
) -> None:
    """Nor does anybody who makes up a key for each connection."""
    other = api.machine("other")
    api.signer("release", operator="other")
    server = serve(threads=2)
    with ExitStack() as opened:
        for number in range(8):
            connection = opened.enter_context(socket.socket())
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            connection.connect(("127.0.0.1", server.port))
            api_key = busy_key if known else f"swk_{number:043}"
            ask_without_end(connection, "/v1/openapi.json", api_key)
        # Before any of them is given up.
        with closing(connect(server.port, SEND_SECONDS / 2)) as patient:
            assert sign_over(patient, other, "now").status == 200


def ask_without_end(connection: socket.socket, path: str, api_key: str) -> None:
    """Until the server takes no more, because nobody takes its answers."""
    head = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {api_key}\r\n\r\n"
    connection.settimeout(0.2)
    with suppress(TimeoutError):
        while True:
            connection.sendall(head.encode() * 100)


def test_a_body_that_is_too_long_is_refused_before_it_is_sent(
    serve: Callable[..., Server], busy_key: str
) -> None:
    head = (
        "POST /v1/signers/slow/sign HTTP/1.1\r\nHost: localhost\r\n"
        f"Authorization: Bearer {busy_key}\r\nContent-Length: 1000000000000\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", serve().port), timeout=60) as connection:
        connection.sendall(head.encode())
        status, answer = read_status(connection)
    assert status == 413
    assert b'"code":"payload_too_large"' in answer
