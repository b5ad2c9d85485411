"""More calls than can be served at once: nobody starves, and too many are told so at once."""

import base64
import hashlib
import json
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from controlplane.lanes import MOST_WAITING_IN_A_LANE
from tests.controlplane.conftest import Api, Server
from tests.invariants.callers import sign

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
    serve: Callable[..., Server], flood: Callable[[Server, int], list[socket.socket]]
) -> None:
    server = serve(threads=2)
    connections = flood(server, MOST_WAITING_IN_A_LANE + 200)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(read_status, connections))
    assert {status for status, _ in answers} == {200, 503}
    served = [answer for status, answer in answers if status == 200]
    assert len(served) >= MOST_WAITING_IN_A_LANE
    for status, answer in answers:
        if status == 503:
            assert b"\r\nRetry-After: 1\r\n" in answer
            assert b'"code":"overloaded"' in answer
