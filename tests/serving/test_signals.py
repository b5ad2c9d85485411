"""Signals: what the main process does when it is told to, and what becomes of its callers."""

import signal
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from controlplane.store.sqlite import SqliteStore
from tests.serving.conftest import Installation, Serve, connect
from tests.serving.wire import LIVE, Conversation, until

# SIGWINCH comes with each change of a terminal's size; SIGUSR1 means "reopen your log files".
HARMLESS = (signal.SIGWINCH, signal.SIGUSR1, signal.SIGUSR2, signal.SIGHUP)


def test_workers_are_added_and_removed_and_nothing_else_is_disturbed(serve: Serve) -> None:
    server = serve()
    until(lambda: len(server.workers()) == 1)
    (first,) = server.workers()
    with connect(server) as conversation:
        assert conversation.goes_on()

        for harmless in HARMLESS:
            server.process.send_signal(harmless)
        server.process.send_signal(signal.SIGTTOU)  # one is left at any rate
        until(lambda: "SIGUSR2" in server.log.read_text())
        assert conversation.goes_on()
        assert server.workers() == [first]

        server.process.send_signal(signal.SIGTTIN)
        until(lambda: len(server.workers()) == 2)
        assert conversation.goes_on()
    server.process.send_signal(signal.SIGTTOU)
    until(lambda: len(server.workers()) == 1)
    with connect(server) as conversation:
        assert conversation.goes_on()
    assert server.stop() == 0


def test_who_calls_while_a_worker_is_removed_is_answered(serve: Serve) -> None:
    server = serve(workers=2)
    until(lambda: len(server.workers()) == 2)
    with ExitStack() as opened:
        idle = [opened.enter_context(connect(server)) for _ in range(8)]
        assert all(each.goes_on() for each in idle)
        server.process.send_signal(signal.SIGTTOU)
        while len(server.workers()) == 2:
            with connect(server) as calling:
                assert calling.goes_on()
        ended = [each for each in idle if not each.is_silent()]
        assert all(each.ends() for each in ended)
        assert all(each.goes_on() for each in idle if each not in ended)


def test_sigterm_ends_idle_connections_at_once_and_answers_calls(
    serve: Serve, installation: Installation
) -> None:
    server = serve()
    create = b'{"name":"late","kind":"machine"}'
    head = b"POST /v1/identities HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    head += b"Authorization: Bearer " + installation.admin_key.encode() + b"\r\n"
    whole = head + b"Content-Length: %d\r\n\r\n" % len(create) + create
    store = SqliteStore(installation.location.store_path)
    with ExitStack() as opened:
        opened.enter_context(store.closing())
        silent, idle, calling = (opened.enter_context(connect(server)) for _ in range(3))
        assert idle.goes_on()
        assert calling.goes_on()
        with store.write():  # so that the call waits
            calling.say(whole)
            assert idle.goes_on()
            server.process.send_signal(signal.SIGTERM)
            assert idle.ends()
            assert silent.ends()
            assert calling.is_silent()
            with pytest.raises(ConnectionError):
                _ask(connect(server))
        answer = calling.hear()
        assert (answer.status, answer.field("connection")) == (201, "close")
        assert calling.ends()
    assert server.process.wait(20) == 0


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGQUIT, signal.SIGTERM])
def test_an_idle_connection_does_not_hold_up_the_end(serve: Serve, stop: signal.Signals) -> None:
    server = serve(workers=2)
    with ExitStack() as opened:
        idle = [opened.enter_context(connect(server)) for _ in range(6)]
        assert all(each.goes_on() for each in idle[:4])
        assert server.stop(stop) == 0  # while they are open
        with ThreadPoolExecutor() as pool:
            list(pool.map(_must_be_over, idle))


def test_rows_on_their_way_are_written_although_nobody_waits_for_them(
    serve: Serve, installation: Installation
) -> None:
    server = serve()
    call = b'{"scheme":"ecdsa","hash":"sha256","digest":"%s="}' % (b"A" * 43)
    head = b"POST /v1/signers/none/sign HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    head += b"Authorization: Bearer " + installation.admin_key.encode() + b"\r\n"
    whole = head + b"Content-Length: %d\r\n\r\n" % len(call) + call
    store = SqliteStore(installation.location.store_path)
    with store.closing(), connect(server) as known, connect(server) as calling:
        known.say(whole)
        assert known.hear().status == 404
        with store.write():  # so that the row waits
            calling.say(whole)
            until(calling.is_heard)
            assert calling.is_silent()
            server.process.send_signal(signal.SIGQUIT)
            _must_be_over(calling)
        assert server.process.wait(20) == 0
        with store.read() as database:
            rows = database.execute_sql(  # type: ignore[no-untyped-call]
                "SELECT reason FROM operations WHERE signer = 'none'"
            )
            assert rows.fetchall() == [("not_a_member",)] * 2
    assert "Traceback" not in server.log.read_text()


def _must_be_over(conversation: Conversation) -> None:
    try:
        assert conversation.ends()
    except ConnectionResetError:
        return


def _ask(conversation: Conversation) -> None:
    with conversation:
        conversation.socket.sendall(LIVE)
        if conversation.socket.recv(1) == b"":
            raise ConnectionResetError
