"""TLS: who gets in, how connections end, and certificates that change while calls go on."""

import json
import os
import shutil
import signal
import socket
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from controlplane.service.installation import initialise
from controlplane.service.location import Location
from tests.controlplane.authority import Authority
from tests.controlplane.conftest import end, start
from tests.serving.conftest import Serve, Server, connect
from tests.serving.wire import LIVE, PATIENCE, Conversation, until

CLOSING = LIVE.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
CLIENT_HELLO = bytes.fromhex("160301007a0100007603030000000000000000")


@dataclass(frozen=True)
class Trusting:
    """A server, and what its clients believe."""

    server: Server
    authority: Authority

    def context(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self.authority.certificate)

    def connect(self, context: ssl.SSLContext | None = None) -> Conversation:
        """A connection that is cut off instead of ended is an error."""
        plain = socket.create_connection(("127.0.0.1", self.server.port), timeout=PATIENCE)
        chosen = context or self.context()
        return Conversation(
            chosen.wrap_socket(plain, server_hostname="127.0.0.1", suppress_ragged_eofs=False)
        )

    def serial(self) -> int:
        """Of the certificate that is shown to a new connection."""
        with self.connect() as conversation:
            assert isinstance(conversation.socket, ssl.SSLSocket)
            shown = conversation.socket.getpeercert()
            assert shown is not None
            return int(str(shown["serialNumber"]), 16)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trusting]:
    folder = tmp_path_factory.mktemp("shared-tls")
    location = Location(folder / "data")
    initialise(location)
    authority = Authority(folder)
    certificate, key = authority.issue("server", "127.0.0.1")
    server = start(location, folder, tls_cert=str(certificate), tls_key=str(key))
    yield Trusting(server, authority)
    end(server)


def test_connections_are_kept_alive(shared: Trusting) -> None:
    assert shared.server.url.startswith("https://")
    with shared.connect() as conversation:
        assert conversation.goes_on()
        assert conversation.goes_on()


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion")  # the old version is what is tried
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_1, ssl.TLSVersion.TLSv1])
def test_nothing_older_than_tls_1_2(shared: Trusting, version: ssl.TLSVersion) -> None:
    old = shared.context()
    old.set_ciphers("ALL:@SECLEVEL=0")
    old.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    old.maximum_version = version
    with pytest.raises(ssl.SSLError, match="ALERT_PROTOCOL_VERSION"):
        shared.connect(old)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_the_end_of_a_connection_is_said(shared: Trusting, version: ssl.TLSVersion) -> None:
    context = shared.context()
    context.minimum_version = context.maximum_version = version
    with shared.connect(context) as conversation:
        assert conversation.say(CLOSING).hear().field("connection") == "close"
        assert conversation.ends()
        assert isinstance(conversation.socket, ssl.SSLSocket)
        conversation.socket.unwrap()
    with shared.connect(context) as conversation:  # refused below the application
        assert conversation.say(b"\r\n\r\n" + LIVE).hear().status == 400
        assert conversation.ends()
    with shared.connect(context) as conversation:  # with a body that is not read
        head = b"POST /v1/identities HTTP/1.1\r\nHost: x\r\nContent-Length: 70000\r\n\r\n"
        assert conversation.say(head).hear().status == 401
        assert conversation.ends()


def test_who_has_said_all_over_tls_is_let_go_with_a_word(shared: Trusting) -> None:
    """The answer may be lost: with TLS, no transport of asyncio lives on with one direction."""
    inside, outside = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = shared.context().wrap_bio(inside, outside, server_hostname="127.0.0.1")
    with socket.create_connection(("127.0.0.1", shared.server.port), timeout=PATIENCE) as plain:

        def exchange() -> None:
            plain.sendall(outside.read())
            piece = plain.recv(65536)
            inside.write(piece) if piece else inside.write_eof()

        while True:
            try:
                tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                exchange()
        tls.write(LIVE)
        with pytest.raises(ssl.SSLWantReadError):
            tls.unwrap()  # our close_notify is written, theirs has not come
        while True:
            try:
                tls.unwrap()
                break
            except ssl.SSLWantReadError:
                exchange()
            except ssl.SSLError as fault:  # the answer came before the end
                assert "DATA" in str(fault.reason)  # noqa: PT017
                break
    with shared.connect() as conversation:
        assert conversation.goes_on()
    lines = shared.server.log.read_text().splitlines()
    assert [line for line in lines if not line.startswith("{")] == []


def refused(server: Server) -> list[tuple[str, str]]:
    lines = map(json.loads, server.log.read_text().splitlines())
    return [(line["code"], line["address"]) for line in lines if line["event"] == "request_refused"]


def test_who_speaks_plain_http_to_tls_is_told_so(shared: Trusting) -> None:
    with connect(shared.server) as conversation:
        answer = conversation.say(LIVE).hear()
        assert (answer.status, answer.code) == (400, "tls_expected")
        assert answer.field("connection") == "close"
        assert conversation.ends()
    until(lambda: ("tls_expected", "127.0.0.1") in refused(shared.server))


def test_who_speaks_tls_to_a_plain_port_is_told_so(serve: Serve) -> None:
    server = serve()
    with connect(server) as conversation:
        answer = conversation.say(CLIENT_HELLO).hear()
        assert (answer.status, answer.code) == (400, "tls_not_spoken")
        assert answer.field("connection") == "close"
        assert conversation.ends()
    until(lambda: refused(server) == [("tls_not_spoken", "127.0.0.1")])
    with pytest.raises(ssl.SSLError, match=r"(?i)wrong.version|record"):
        ssl.create_default_context().wrap_socket(
            socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE),
            server_hostname="127.0.0.1",
        )


def test_who_is_slow_to_shake_hands_is_let_go_and_holds_nobody_up(shared: Trusting) -> None:
    beginnings = [b"", CLIENT_HELLO[:1], CLIENT_HELLO]
    slow = [connect(shared.server).say(beginnings[number % 3]) for number in range(30)]
    for conversation in slow[1::3]:
        conversation.say(CLIENT_HELLO[1:2])
    for _ in range(20):
        with shared.connect() as quick:
            assert quick.goes_on()
    assert all(conversation.is_silent() for conversation in slow)
    for conversation in slow:
        assert conversation.ends()
        conversation.socket.close()


def test_who_is_no_client_of_tls_at_all_harms_nobody(shared: Trusting) -> None:
    for said in (
        b"\x16",
        CLIENT_HELLO,
        CLIENT_HELLO + b"\xff" * 500,
        b"\x16\x03\x01\x00\x02\x01\x00",
    ):
        with connect(shared.server) as conversation:
            conversation.say(said).say_no_more()
            assert conversation.socket.recv(65536)[:1] in (b"", b"\x15")  # nothing, or an alert
    with shared.connect() as conversation:
        assert conversation.goes_on()


def test_with_a_client_ca_callers_need_a_certificate(serve: Serve, authority: Authority) -> None:
    certificate, key = authority.issue("server", "127.0.0.1")
    authority_file = str(authority.certificate)
    server = serve(tls_cert=str(certificate), tls_key=str(key), client_ca=authority_file)
    trusting = Trusting(server, authority)
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        without = trusting.context()
        without.minimum_version = without.maximum_version = version
        # TLS 1.2 has no word for it but that the handshake failed: RFC 5246 §7.4.6.
        why = "ALERT_CERTIFICATE_REQUIRED|ALERT_HANDSHAKE_FAILURE"
        with pytest.raises(ssl.SSLError, match=why), trusting.connect(without) as none:
            none.say(LIVE).hear()
    until(lambda: server.log.read_text().count("handshake_failed") == 2)
    lines = map(json.loads, server.log.read_text().splitlines())
    for line in (each for each in lines if each["event"] == "handshake_failed"):
        assert "certificate" in line["cause"].lower()
        assert line["address"] == "127.0.0.1"
    with_one = trusting.context()
    with_one.load_cert_chain(*authority.issue("client", "127.0.0.1"))
    with trusting.connect(with_one) as conversation:
        assert conversation.goes_on()


def test_an_idle_connection_ends_with_a_word(serve: Serve, authority: Authority) -> None:
    """When the server stops, as when the connection's time is up."""
    certificate, key = authority.issue("server", "127.0.0.1")
    trusting = Trusting(serve(tls_cert=str(certificate), tls_key=str(key)), authority)
    with trusting.connect() as spoken, trusting.connect() as silent:
        assert spoken.goes_on()
        trusting.server.process.send_signal(signal.SIGTERM)
        assert spoken.ends()
        assert silent.ends()
    assert trusting.server.stop() == 0


class Loop:
    """A client that calls again and again over one connection."""

    def __init__(self, conversation: Conversation) -> None:
        self._conversation = conversation
        self._fault: BaseException | None = None
        self._is_over = threading.Event()
        self.calls = 0
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        try:
            while not self._is_over.is_set():
                assert self._conversation.goes_on()
                self.calls += 1
        except BaseException as fault:  # noqa: BLE001  # told by whoever waits
            self._fault = fault

    def goes_on(self) -> bool:
        """More calls of it are answered."""
        before = self.calls
        until(lambda: self.calls > before or self._fault is not None)
        return self._fault is None

    def end(self) -> None:
        self._is_over.set()
        self._thread.join()
        self._conversation.socket.close()
        if self._fault is not None:
            raise self._fault


def test_sighup_takes_new_certificates_and_disturbs_nobody(
    serve: Serve, authority: Authority, tmp_path: Path
) -> None:
    certificate, key = authority.issue("server", "127.0.0.1")
    server = serve(tls_cert=str(certificate), tls_key=str(key))
    trusting = Trusting(server, authority)
    first = trusting.serial()
    (worker,) = server.workers()
    calling = Loop(trusting.connect())
    with trusting.connect() as idle:
        assert idle.goes_on()
        assert calling.goes_on()

        for source, target in zip(
            authority.issue("next", "127.0.0.1"), (certificate, key), strict=True
        ):
            shutil.copy(source, target)
        server.process.send_signal(signal.SIGHUP)
        until(lambda: trusting.serial() != first)
        second = trusting.serial()

        key.write_text("nonsense")
        server.process.send_signal(signal.SIGHUP)
        until(lambda: "tls_not_reloaded" in server.log.read_text())
        assert trusting.serial() == second
        assert idle.goes_on()
        assert calling.goes_on()
        assert server.workers() == [worker]
    calling.end()

    os.kill(worker, signal.SIGKILL)
    until(lambda: server.workers() not in ([], [worker]))
    assert trusting.serial() == second
