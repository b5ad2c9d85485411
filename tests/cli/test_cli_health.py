"""What whoever starts servers asks them."""

from pathlib import Path

import pytest

from tests.cli.conftest import KEY, ask
from tests.cli.scripted_server import ScriptedServer, ok, refusal
from tests.controlplane.authority import Authority
from tests.server import ControlPlane, running


def test_a_server_that_serves_is_ready(control_plane: ControlPlane) -> None:
    asked = ask(control_plane.url, "health")
    assert (asked.code, asked.out, asked.err) == (0, "ready\n", "")
    assert ask(control_plane.url, "health", "--json").json() == {"status": "ready"}


def test_one_without_its_store_is_not() -> None:
    title = "The store cannot be used."
    with ScriptedServer(refusal("store_unavailable", title, "503 Service Unavailable")) as server:
        asked = ask(server.url, "health")
    assert asked.code == 1
    assert title in asked.err


def test_where_nobody_answers_there_is_none() -> None:
    assert ask("http://127.0.0.1:1", "health").code == 3


def test_it_sends_no_key() -> None:
    with ScriptedServer(ok({"status": "ready"})) as server:
        assert ask(server.url, "health").code == 0
    assert KEY.encode() not in server.heads[0]


def test_on_loopback_any_certificate_will_do_where_no_key_is_sent(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    certificate, key = Authority(tmp_path).issue("server", "192.0.2.1")
    options = ("--tls-cert", str(certificate), "--tls-key", str(key))
    with running(tmp_path_factory.mktemp("secure"), *options) as plane:
        assert ask(plane.url, "health").out == "ready\n"
        assert ask(plane.url, "whoami").code == 3
