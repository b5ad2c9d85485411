"""compose.yaml and nginx.conf of packaging/image without containers: what they start is started as
processes, on a real PostgreSQL, and nothing but its paths is changed.
"""

import base64
import json
import os
import re
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
import yaml

from sealwright.client.client import Client
from sealwright.client.connection import Connection
from sealwright.client.errors import ClientError
from tests.controlplane.authority import Authority
from tests.postgresql import PostgresqlServer
from tests.server import COMMAND, STOP_SECONDS, surroundings
from tests.serving.wire import until
from tests.test_readme import free_port

PACKAGED = Path(__file__).parents[2] / "packaging" / "image"
SERVICES = yaml.safe_load((PACKAGED / "compose.yaml").read_text())["services"]
NODES = ("one", "two")
A_FORGED_ADDRESS = "192.0.2.1"


class Composed:
    """What compose would start, with all that it would mount in `folder`."""

    def __init__(self, folder: Path, database: str) -> None:
        self.folder = folder
        self.authority = Authority(folder)
        self.url = f"https://127.0.0.1:{free_port()}"
        self.admin_key = ""
        self._database = database
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        for each in (*NODES, "nodes", "secrets", "nginx"):
            (folder / each).mkdir()
        files = zip(
            ("tls.crt", "tls.key"), self.authority.issue("server", "127.0.0.1"), strict=True
        )
        for name, file in files:
            file.rename(folder / "secrets" / name)

    def set_up(self) -> None:
        """Once."""
        self.admin_key = self._run("init", "one").split()[-1]
        self._run("join", "two")

    def start(self, node: str) -> None:
        lines = self.folder / f"{node}.log"
        with lines.open("wb") as log:
            self._processes[node] = subprocess.Popen(
                self._command(node, node), env=surroundings(self.folder), stderr=log, stdout=log
            )
        healthy = self._here(SERVICES[node]["healthcheck"]["test"][2:], node)
        until(lambda: "sealwright is listening" in lines.read_text())
        assert self._carry_out([*COMMAND, *healthy]).stdout == "ready\n"

    def start_nginx(self) -> None:
        text = (PACKAGED / "nginx.conf").read_text()
        file = self.folder / "nginx.conf"
        file.write_text(*self._here([text], ""))
        command = ["nginx", "-c", str(file), "-g", "daemon off;"]
        if os.geteuid() == 0:  # its own user may not enter a test's folder
            command[-1] += " user root;"
        with (self.folder / "nginx.log").open("ab") as log:
            self._processes["nginx"] = subprocess.Popen(command, stdout=log, stderr=log)
        until(self._answers)

    def end(self, service: str) -> None:
        process = self._processes.pop(service)
        process.terminate()
        process.wait(STOP_SECONDS)

    def kill(self, node: str) -> None:
        """Its socket stays."""
        process = self._processes.pop(node)
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        process.kill()
        process.wait(STOP_SECONDS)
        for each in children:
            until(lambda pid=each: not Path(f"/proc/{pid}").exists())  # type: ignore[misc]

    def end_all(self) -> None:
        for service in list(self._processes):
            self.end(service)

    def client(self) -> Client:
        return Client(
            Connection.resolve(
                {
                    "SEALWRIGHT_URL": self.url,
                    "SEALWRIGHT_CA_FILE": str(self.authority.certificate),
                    "SEALWRIGHT_API_KEY": self.admin_key,
                }
            )
        )

    def sign(self) -> Any:
        digest = base64.b64encode(bytes(32)).decode()
        call = Request(  # noqa: S310  # our own URL
            f"{self.url}/v1/signers/release/sign",
            json.dumps({"scheme": "ecdsa", "hash": "sha256", "digest": digest}).encode(),
            {
                "Authorization": f"Bearer {self.admin_key}",
                "Content-Type": "application/json",
                "X-Forwarded-For": A_FORGED_ADDRESS,
            },
        )
        trusting = ssl.create_default_context(cafile=self.authority.certificate)
        with urlopen(call, context=trusting) as answer:  # noqa: S310
            return json.load(answer)

    def _answers(self) -> bool:
        with suppress(ClientError):
            return self.client().ready().value.status == "ready"
        return False

    def _run(self, service: str, node: str) -> str:
        done = self._carry_out(self._command(service, node))
        assert done.returncode == 0, done.stderr
        return done.stdout

    def _carry_out(self, command: list[str]) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            command, env=surroundings(self.folder), capture_output=True, text=True, check=False
        )

    def _command(self, service: str, node: str) -> list[str]:
        return [*COMMAND, *self._here(SERVICES[service]["command"], node)]

    def _here(self, texts: list[str], node: str) -> list[str]:
        """With the places of this machine for those in the container, of this node."""
        places = {
            "postgresql://sealwright@/sealwright?host=/run/postgresql": self._database,
            "/run/sealwright": str(self.folder / "nodes"),
            "/run/secrets": str(self.folder / "secrets"),
            "/var/cache/nginx": str(self.folder / "nginx"),
            "/data/": f"{self.folder / node}/",
            "/one/": f"{self.folder / 'one'}/",
            "listen 8443": f"listen {self.url.removeprefix('https://')}",
        }
        inside = re.compile("|".join(map(re.escape, places)))
        return [inside.sub(lambda found: places[found[0]], text) for text in texts]


@pytest.fixture(scope="module")
def composed(
    tmp_path_factory: pytest.TempPathFactory, postgresql: PostgresqlServer
) -> Iterator[Composed]:
    name = postgresql.new_database().rpartition("/")[2]
    by_socket = f"host={postgresql.folder}&port={postgresql.port}"
    made = Composed(
        tmp_path_factory.mktemp("composed"), f"postgresql://sealwright@/{name}?{by_socket}"
    )
    made.set_up()
    try:
        for node in NODES:
            made.start(node)
        made.start_nginx()
        yield made
    finally:
        made.end_all()


def test_two_nodes_sign_behind_nginx_and_so_does_each_alone(composed: Composed) -> None:
    client = composed.client()
    client.create_signer("release", "p256", "ACME")
    client.add_member("release", "admin", "operator")
    signed = [composed.sign()["operation_id"] for _ in range(4)]
    composed.end("one")
    signed += [composed.sign()["operation_id"] for _ in range(4)]
    composed.start("one")
    composed.kill("two")
    signed += [composed.sign()["operation_id"] for _ in range(4)]
    rows = composed.client().operations(limit=100, kind="sign").value.items
    assert [each.id for each in reversed(rows)] == signed
    assert {each.client.address for each in rows if each.client} == {"127.0.0.1"}


def test_counts_are_each_nodes_own(composed: Composed) -> None:
    trusting = ssl.create_default_context(cafile=composed.authority.certificate)
    with pytest.raises(HTTPError, match="404"):
        urlopen(f"{composed.url}/metrics", context=trusting)  # noqa: S310
