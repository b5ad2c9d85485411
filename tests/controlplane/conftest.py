"""A real installation in a scratch directory, its API in process, and servers as processes."""

import base64
import hashlib
import json
import os
import re
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from unittest.mock import patch

import falcon.testing
import msgspec
import pytest
from jsonschema import Draft202012Validator

from controlplane.api import openapi
from controlplane.api.metrics import Metrics
from controlplane.api.openapi import document
from controlplane.app import create_app
from controlplane.service.installation import Services, initialise, open_services
from controlplane.service.location import Location
from tests.world import SetClock

T = TypeVar("T")

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 30
DIGEST = hashlib.sha256(b"release.jar").digest()


@dataclass(frozen=True)
class Installation:
    location: Location
    admin_key: str


@pytest.fixture
def installation(tmp_path: Path) -> Installation:
    location = Location(tmp_path / "data")
    return Installation(location, initialise(location).api_key)


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
def services(installation: Installation, clock: SetClock) -> Iterator[Services]:
    with open_services(installation.location, clock) as opened:
        yield opened


async def run_here(call: Callable[[], T]) -> T:
    """Where the API is called in process, nobody else waits."""
    return call()


_DOCUMENTS: list[openapi.Schema] = []


def _document_once(routes: openapi.Routes, version: str) -> openapi.Schema:
    """It is the same for each installation, and is not made in no time."""
    if not _DOCUMENTS:
        _DOCUMENTS.append(json.loads(msgspec.json.encode(document(routes, version))))
    return _DOCUMENTS[0]


class Api:
    """Calls the API, and checks each answer against the OpenAPI document."""

    def __init__(self, services: Services, admin_key: str) -> None:
        self.admin_key = admin_key
        with patch.object(openapi, "document", _document_once):
            self._client = falcon.testing.TestClient(create_app(services, Metrics(), run_here))
        self.document = _DOCUMENTS[0]

    def call(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        key: str | None = "admin",
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
        **more: Any,
    ) -> falcon.testing.Result:
        """`key`: an API key, "admin" for the first admin's, None for none."""
        answer = self.call_unchecked(
            method, path, body, key=key, headers=headers, content=content, **more
        )
        self._must_conform(method, path, answer)
        return answer

    def call_unchecked(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        key: str | None = "admin",
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
        **more: Any,
    ) -> falcon.testing.Result:
        """The same, of which the document need not know."""
        sent = dict(headers or {})
        if key is not None:
            sent.setdefault("Authorization", f"Bearer {self.admin_key if key == 'admin' else key}")
        if body is not None:
            more["json"] = body
        if content is not None:
            more["body"] = content
        more.setdefault("remote_addr", "127.0.0.1")
        return self._client.simulate_request(method, path, headers=sent, **more)

    def get(self, path: str, **more: Any) -> falcon.testing.Result:
        return self.call("GET", path, **more)

    def post(self, path: str, body: object = None, **more: Any) -> falcon.testing.Result:
        return self.call("POST", path, body, **more)

    def send(
        self, path: str, content: bytes, *, content_type: str = "application/json"
    ) -> falcon.testing.Result:
        """A body that is not made here from an object."""
        return self.post(path, content=content, headers={"Content-Type": content_type})

    def machine(self, name: str) -> str:
        """A new machine's API key."""
        answer = self.post("/v1/identities", {"name": name, "kind": "machine"})
        assert answer.status_code == 201, answer.text
        return str(answer.json["api_key"])

    def signer(
        self, name: str, key: str = "p256", *, operator: str | None = None
    ) -> dict[str, Any]:
        """A new signer, with this identity as its operator."""
        answer = self.post("/v1/signers", {"name": name, "key": key, "common_name": f"ACME {name}"})
        assert answer.status_code == 201, answer.text
        if operator is not None:
            member = {"identity": operator, "role": "operator"}
            assert self.post(f"/v1/signers/{name}/members", member).status_code == 201
        return dict(answer.json)

    def made(self, path: str, body: object, *, key: str = "admin") -> dict[str, Any]:
        """What a POST that has to succeed answers."""
        answer = self.post(path, body, key=key)
        assert answer.status_code in (200, 201), answer.text
        return dict(answer.json)

    def user(self, name: str, **more: object) -> str:
        """A new user's API key."""
        body = {"name": name, "kind": "user"} | more
        return str(self.made("/v1/identities", body)["api_key"])

    def sign(self, signer: str, key: str, **different: object) -> falcon.testing.Result:
        headers = different.pop("headers", None)
        body = {"scheme": "ecdsa", "hash": "sha256", "digest": base64.b64encode(DIGEST).decode()}
        chosen = {name: value for name, value in (body | different).items() if value is not ...}
        return self.post(f"/v1/signers/{signer}/sign", chosen, key=key, headers=headers)

    def rows(self, **where: object) -> list[dict[str, Any]]:
        """Newest first."""
        return list(self.get("/v1/operations", params=where).json["items"])

    def _must_conform(self, method: str, path: str, answer: falcon.testing.Result) -> None:
        described = self._described(method, path)
        if described is None:
            assert answer.status_code in (404, 405, 401)
            return
        promised = described["responses"].get(str(answer.status_code))
        assert promised is not None, f"{method} {path} is not said to answer {answer.status_code}"
        if "content" not in promised:
            assert answer.content == b""
            return
        media_type = answer.headers["content-type"].partition(";")[0]
        schema = promised["content"][media_type]["schema"]
        if media_type.endswith("json") and schema:
            whole = schema | {"components": self.document["components"]}
            Draft202012Validator(whole).validate(answer.json)

    def _described(self, method: str, path: str) -> dict[str, Any] | None:
        # More parts written out is more specific: /operations/head before /operations/{id}.
        for template in sorted(self.document["paths"], key=lambda each: each.count("{")):
            pattern = re.sub(r"\{\w+\}", "[^/]+", template.replace("{place}", ".+"))
            if re.fullmatch(pattern, path):
                found: dict[str, Any] | None = self.document["paths"][template].get(method.lower())
                return found
        return None


@pytest.fixture
def api(services: Services, installation: Installation) -> Api:
    return Api(services, installation.admin_key)


@dataclass(frozen=True)
class Server:
    process: subprocess.Popen[bytes]
    url: str
    log: Path

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    def workers(self) -> list[int]:
        """Process ids."""
        main = self.process.pid
        return [
            int(each) for each in Path(f"/proc/{main}/task/{main}/children").read_text().split()
        ]

    def stop(self, with_signal: int = signal.SIGTERM) -> int:
        self.process.send_signal(with_signal)
        return self.process.wait(START_SECONDS)


_SERVE = """
import json, sys
from controlplane.serving.server import serve
from controlplane.serving.settings import Settings
serve(Settings.parse(**json.loads(sys.argv[1])))
"""


def start(location: Location, folder: Path, **arguments: object) -> Server:
    """A server of the installation, by default on a free loopback port; its log is in `folder`."""
    chosen = {
        "data_dir": str(location.data_dir),
        "bind": "127.0.0.1:0",
        "workers": 1,
    } | arguments
    log = folder / f"server-{len(list(folder.glob('server-*.log')))}.log"
    with log.open("wb") as stderr:
        process = subprocess.Popen(
            [sys.executable, "-c", _SERVE, json.dumps(chosen)],
            stdout=subprocess.PIPE,
            stderr=stderr,
            env=os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])},
        )
    assert process.stdout is not None
    readable, _, _ = select.select([process.stdout], [], [], START_SECONDS)
    line = process.stdout.readline().decode() if readable else ""
    says = re.fullmatch(r"sealwright is listening on (\S+)\n", line)
    if says is None:
        process.kill()
        process.wait()
        pytest.fail(f"the server did not start:\n{log.read_text()}")
    return Server(process, says[1], log)


def end(server: Server) -> None:
    if server.process.poll() is None:
        server.stop()
    assert server.process.stdout is not None
    server.process.stdout.close()


@pytest.fixture
def serve(installation: Installation, tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """Starts servers of the installation."""
    started: list[Server] = []

    def begin(**arguments: object) -> Server:
        started.append(start(installation.location, tmp_path, **arguments))
        return started[-1]

    yield begin
    for server in started:
        end(server)
