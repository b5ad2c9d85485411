"""nginx before two nodes on other machines, as docs/operations.md has it: on a real PostgreSQL, and
nothing but names, ports and paths is changed."""

import base64
import json
import os
import re
import ssl
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from http.client import HTTPSConnection
from pathlib import Path

import pytest

from sealwright.client.errors import ClientError
from tests.controlplane.authority import Authority
from tests.postgresql import PostgresqlServer
from tests.server import STOP_SECONDS, ControlPlane
from tests.serving.wire import until
from tests.test_readme import free_port

PAGE = (Path(__file__).parents[2] / "docs/operations.md").read_text()
HOST = "sign.example.org"
A_CALLER = "127.0.0.2"
A_FORGED_ADDRESS = "192.0.2.1"


def of_the_page() -> str:
    (block,) = re.findall(r"^```nginx\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    return str(block)


@dataclass
class Nodes:
    authority: Authority
    first: ControlPlane
    second: ControlPlane
    front: ControlPlane
    """As it is called by way of nginx."""

    def sign(self) -> str:
        digest = base64.b64encode(bytes(32)).decode()
        body = json.dumps({"scheme": "ecdsa", "hash": "sha256", "digest": digest})
        headers = {
            "Authorization": f"Bearer {self.front.admin_key}",
            "Content-Type": "application/json",
            "X-Forwarded-For": A_FORGED_ADDRESS,
        }
        status, content = self.ask("POST", "/v1/signers/release/sign", body, headers)
        assert status == 200, content
        return str(json.loads(content)["operation_id"])

    def ask(
        self, method: str, path: str, body: str | None, headers: Mapping[str, str]
    ) -> tuple[int, bytes]:
        """Of nginx, from another address than its own, which the nodes trust."""
        trusting = ssl.create_default_context(cafile=self.authority.certificate)
        place = ("127.0.0.1", self.front.port)
        connection = HTTPSConnection(*place, context=trusting, source_address=(A_CALLER, 0))
        with closing(connection):
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return answer.status, answer.read()

    def is_answered(self) -> bool:
        with suppress(ClientError):
            return self.front.client().ready().value.status == "ready"
        return False


def here(nodes: Nodes, folder: Path) -> str:
    """A whole configuration."""
    shown, key = nodes.authority.issue("front", "127.0.0.1", HOST)
    places = {
        "node-1.example.org:8443": f"127.0.0.1:{nodes.first.port}",
        "node-2.example.org:8443": f"127.0.0.1:{nodes.second.port}",
        "listen 443": f"listen 127.0.0.1:{nodes.front.port}",
        "/etc/nginx/sign.pem": str(shown),
        "/etc/nginx/sign.key": str(key),
        "/etc/nginx/nodes-ca.pem": str(nodes.authority.certificate),
    }
    block = of_the_page()
    for place, ours in places.items():
        assert place in block
        block = block.replace(place, ours)
    written = "".join(
        f"{what}_temp_path {folder / what};\n"
        for what in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    return f"pid {folder / 'pid'};\nevents {{}}\nhttp {{\naccess_log off;\n{written}{block}}}\n"


@pytest.fixture(scope="module")
def nodes(
    tmp_path_factory: pytest.TempPathFactory, postgresql: PostgresqlServer
) -> Iterator[Nodes]:
    folder, url = tmp_path_factory.mktemp("nodes"), postgresql.new_database()
    authority = Authority(folder)
    certificate, key = authority.issue("node", "127.0.0.1", HOST)
    tls = ("--tls-cert", str(certificate), "--tls-key", str(key))
    options = (*tls, "--trusted-proxy", "127.0.0.1/32")
    first = ControlPlane.install(folder / "first", *options, database=url)
    second = first.join(folder / "second", url)
    second.serve_options = options
    front = ControlPlane(folder, first.admin_key, url=f"https://127.0.0.1:{free_port()}")
    for each in (first, second, front):
        each.ca_file = authority.certificate
    made = Nodes(authority, first, second, front)
    proxy = None
    try:
        first.start()
        second.start()
        file = folder / "nginx.conf"
        file.write_text(here(made, folder))
        command = ["nginx", "-c", str(file), "-e", str(folder / "nginx.log"), "-g", "daemon off;"]
        if os.geteuid() == 0:  # its own user may not enter a test's folder
            command[-1] += " user root;"
        proxy = subprocess.Popen(command)
        until(made.is_answered)
        yield made
    finally:
        if proxy is not None:
            proxy.terminate()
            proxy.wait(STOP_SECONDS)
        first.kill()
        second.kill()


def test_calls_go_to_nodes_that_are_there_and_rows_have_the_callers_address(nodes: Nodes) -> None:
    nodes.first.create_signer("release", "p256", admin="operator")
    signed = [nodes.sign() for _ in range(4)]
    nodes.second.stop()
    signed += [nodes.sign() for _ in range(4)]
    rows = nodes.front.client().operations(limit=100, kind="sign").value.items
    assert [each.id for each in reversed(rows)] == signed
    assert {each.client.address for each in rows if each.client} == {A_CALLER}


def test_strangers_do_not_see_how_much_is_signed(nodes: Nodes) -> None:
    assert nodes.ask("GET", "/metrics", None, {})[0] == 404
