"""Real server processes: how they start, whom they talk to, what they withstand, how they end."""

import errno
import http.client
import json
import os
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from controlplane.domain.model import IdentityKind
from controlplane.errors import Refused
from controlplane.service.installation import open_services
from controlplane.serving.server import serve as serve_here
from controlplane.serving.settings import Settings
from tests.controlplane.conftest import Installation, Server

Serve = Callable[..., Server]
PATIENCE = 20  # seconds until a condition that must come true counts as missed


def get(server: Server, path: str, key: str | None = None) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE)
    try:
        headers = {} if key is None else {"Authorization": f"Bearer {key}"}
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def talk(server: Server, said: bytes) -> bytes:
    """Everything that the server answers until it closes."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE) as connection:
        connection.sendall(said)
        answer = bytearray()
        while data := connection.recv(65536):
            answer += data
        return bytes(answer)


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


def code(answer: bytes) -> str:
    return str(json.loads(answer.partition(b"\r\n\r\n")[2])["code"])


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


def test_it_says_where_it_listens_and_serves_there(
    serve: Serve, installation: Installation
) -> None:
    server = serve()
    assert server.url.startswith("http://127.0.0.1:")
    assert get(server, "/v1/health/ready")[0] == 200
    assert json.loads(get(server, "/v1/whoami", installation.admin_key)[1])["name"] == "admin"


def test_without_a_store_it_does_not_start(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="sealwright init"):
        serve_here(Settings.parse(data_dir=tmp_path / "nothing"))


def test_with_the_wrong_master_key_it_does_not_start(installation: Installation) -> None:
    key = installation.location.data_dir / "master.key"
    other = key.read_bytes()
    flipped = (b"1" if other[:1] == b"0" else b"0") + other[1:]
    key.chmod(0o600)
    key.write_bytes(flipped)
    with pytest.raises(Refused) as refused:
        serve_here(Settings.parse(data_dir=installation.location.data_dir))
    assert refused.value.code == "master_key_wrong"


def test_an_address_that_is_taken_is_refused_with_words(
    serve: Serve, installation: Installation
) -> None:
    taken = f"127.0.0.1:{serve().port}"
    with pytest.raises(Refused, match="already in use"):
        serve_here(Settings.parse(data_dir=installation.location.data_dir, bind=taken))


def test_sigterm_ends_it_with_0(serve: Serve) -> None:
    server = serve(workers=2)
    assert get(server, "/v1/health/live")[0] == 200
    assert server.stop(signal.SIGTERM) == 0


def test_a_killed_worker_is_replaced(serve: Serve) -> None:
    server = serve(workers=1)
    children = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children")
    until(lambda: len(children.read_text().split()) == 1)
    (worker,) = children.read_text().split()
    os.kill(int(worker), signal.SIGKILL)
    until(lambda: children.read_text().split() not in ([worker], []))
    assert get(server, "/v1/health/ready")[0] == 200


def test_workers_do_not_outlive_a_killed_main_process(serve: Serve) -> None:
    server = serve(workers=2)
    server.stop(signal.SIGKILL)

    def refuses() -> bool:
        try:
            get(server, "/v1/health/live")
        except ConnectionError:
            return True
        return False

    until(refuses)


def test_the_workers_of_a_killed_main_process_leave_those_who_keep_them_busy(
    serve: Serve,
) -> None:
    """Else nothing could listen in their place for as long as somebody calls."""
    server = serve(workers=1)
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE)
    connection.request("GET", "/v1/health/live")
    connection.getresponse().read()
    server.stop(signal.SIGKILL)

    def is_let_go() -> bool:
        try:
            connection.request("GET", "/v1/health/live")
            answer = connection.getresponse()
        except ConnectionError:  # between two calls
            return True
        answer.read()
        return answer.getheader("Connection") == "close"

    connection.auto_open = 0
    until(is_let_go)
    connection.close()


def test_a_worker_that_ends_takes_nothing_from_the_others(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    server = serve(workers=2)
    children = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children")
    until(lambda: len(children.read_text().split()) == 2)
    ended, _ = children.read_text().split()
    os.kill(int(ended), signal.SIGTERM)
    until(lambda: ended not in children.read_text().split())
    assert get(server, "/v1/health/live")[0] == 200
    assert list(tmp_path.glob("sealwright-metrics-*/*.db"))


def test_what_a_killed_server_leaves_behind_is_removed_by_the_next(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    living = serve(workers=1)
    (of_the_living,) = tmp_path.glob("sealwright-metrics-*")
    killed = serve(workers=1)
    killed.stop(signal.SIGKILL)
    (of_the_killed,) = set(tmp_path.glob("sealwright-metrics-*")) - {of_the_living}

    def is_removed() -> bool:
        """By one that starts after the last worker of the killed one has left."""
        serve(workers=1).stop()
        return not of_the_killed.exists()

    until(is_removed)
    assert of_the_living.exists()
    assert get(living, "/metrics")[0] == 200


def test_on_a_unix_socket(serve: Serve, tmp_path: Path, installation: Installation) -> None:
    path = tmp_path / "s"
    server = serve(bind=f"unix:{path}")
    assert server.url == f"unix:{path}"
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(path))
        connection.sendall(b"GET /v1/health/live HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert connection.recv(65536).startswith(b"HTTP/1.1 200 OK")
    with pytest.raises(Refused, match="another server"):
        serve_here(Settings.parse(data_dir=installation.location.data_dir, bind=f"unix:{path}"))


def test_the_socket_of_a_killed_server_is_taken_over(serve: Serve, tmp_path: Path) -> None:
    bind = f"unix:{tmp_path}/s"
    serve(bind=bind).stop(signal.SIGKILL)

    def refuses() -> bool:
        with socket.socket(socket.AF_UNIX) as probe:
            return probe.connect_ex(str(tmp_path / "s")) == errno.ECONNREFUSED

    until(refuses)
    server = serve(bind=bind)
    server.stop()
    assert not (tmp_path / "s").exists()


HALF = b"POST /v1/x HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{"


def test_clients_that_are_slow_to_speak_hold_nobody_up(serve: Serve) -> None:
    server = serve(threads=2)
    beginnings = [b"", b"GET /v1/he", HALF]
    slow = []
    for number in range(60):
        connection = socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE)
        connection.sendall(beginnings[number % len(beginnings)])
        slow.append(connection)
    try:
        for _ in range(20):
            assert get(server, "/v1/health/live")[0] == 200
        slow[0].settimeout(None)
        slow[0].setblocking(False)
        with pytest.raises(BlockingIOError):  # it was not the slow ones' end that let us in
            slow[0].recv(1)
    finally:
        for connection in slow:
            connection.close()


def test_who_never_finishes_a_request_is_let_go(serve: Serve) -> None:
    assert talk(serve(), b"GET /v1/he") == b""


SIGN = b"POST /v1/signers/x/sign HTTP/1.1\r\nHost: x\r\n"


def test_bodies_without_a_length_or_with_too_much_of_it(
    serve: Serve, installation: Installation
) -> None:
    server = serve()
    head = SIGN + b"Authorization: Bearer " + installation.admin_key.encode() + b"\r\n"
    chunked = talk(server, head + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
    assert (status(chunked), code(chunked)) == (411, "length_required")
    length = 4 * 1024 * 1024
    large = talk(server, head + b"Content-Length: %d\r\n\r\n" % length + b"x" * length)
    assert (status(large), code(large)) == (413, "payload_too_large")


def test_it_never_redirects(serve: Serve) -> None:
    server = serve()
    for path in ("/v1/signers/", "/v1//signers", "/", "/v1"):
        assert get(server, path)[0] in (401, 404)


def test_a_revoked_key_is_refused_by_every_process_at_once(
    serve: Serve, installation: Installation
) -> None:
    with open_services(installation.location) as services:
        admin = services.identities.authenticate(installation.admin_key)
        ci = services.identities.create(admin, "ci", IdentityKind.MACHINE)
        server = serve(workers=2)
        before = {get(server, "/v1/whoami", ci.api_key)[0] for _ in range(20)}
        services.identities.revoke_key(admin, "ci", ci.api_key_id)
        after = {get(server, "/v1/whoami", ci.api_key)[0] for _ in range(20)}
    assert (before, after) == ({200}, {401})


def test_metrics_are_those_of_all_processes(serve: Serve, installation: Installation) -> None:
    server = serve(workers=2)
    for _ in range(30):
        get(server, "/v1/whoami", installation.admin_key)
    text = get(server, "/metrics")[1].decode()
    counted = [
        line.rpartition(" ")[2]
        for line in text.splitlines()
        if line.startswith("sealwright_request_duration_seconds_count") and "/v1/whoami" in line
    ]
    assert [float(each) for each in counted] == [30]


def test_log_lines_are_json_with_the_requests_id_and_without_secrets(
    serve: Serve, installation: Installation
) -> None:
    server = serve()
    connection = http.client.HTTPConnection("127.0.0.1", server.port)
    headers = {"Authorization": f"Bearer {installation.admin_key}"}
    connection.request("GET", "/v1/whoami", headers=headers)
    answer = connection.getresponse()
    answer.read()
    connection.close()
    bare = installation.admin_key.partition("_")[2]
    for prefix in ("swk_", "swe_", "swt_"):
        get(server, f"/v1/{prefix}{bare}")
    talk(
        server, b"GET / HTTP/1.1\r\nAuthorization " + installation.admin_key.encode() + b"\r\n\r\n"
    )
    server.stop()
    text = server.log.read_text()
    lines = [json.loads(line) for line in text.splitlines()]
    (line,) = [each for each in lines if each.get("path") == "/v1/whoami"]
    assert line["request_id"] == answer.headers["X-Request-ID"]
    assert (line["status"], line["caller"]) == (200, "admin")
    assert bare not in text
