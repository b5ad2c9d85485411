"""Servers that are spoken to by the octet; one is shared by all tests that leave it as it is."""

import json
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from controlplane.service.installation import initialise
from controlplane.service.location import Location
from tests.controlplane.authority import Authority
from tests.controlplane.conftest import Installation, Server, end, installation, serve, start
from tests.postgresql import postgresql
from tests.serving.wire import Conversation

__all__ = ["Installation", "Serve", "Server", "installation", "postgresql", "serve"]  # fixtures too

Serve = Callable[..., Server]


def connect(server: Server) -> Conversation:
    return Conversation(socket.create_connection(("127.0.0.1", server.port)))


@dataclass(frozen=True)
class Shared:
    server: Server
    admin_key: str

    def connect(self) -> Conversation:
        return connect(self.server)

    @property
    def authorization(self) -> bytes:
        return b"Authorization: Bearer " + self.admin_key.encode() + b"\r\n"

    def make(self, path: str, body: object) -> dict[str, Any]:
        """By the admin."""
        content = json.dumps(body).encode()
        head = (
            b"POST %b HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            b"Content-Length: %d\r\n" % (path.encode(), len(content))
        )
        with self.connect() as conversation:
            made = conversation.say(head + self.authorization + b"\r\n" + content).hear()
        assert made.status in (200, 201), made
        return dict(json.loads(made.body))

    def get(self, path: str) -> dict[str, Any]:
        """By the admin."""
        head = b"GET %b HTTP/1.1\r\nHost: x\r\n" % path.encode()
        with self.connect() as conversation:
            got = conversation.say(head + self.authorization + b"\r\n").hear()
        assert got.status == 200, got
        return dict(json.loads(got.body))


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shared]:
    folder = tmp_path_factory.mktemp("shared-server")
    location = Location(folder / "data")
    admin_key = initialise(location).api_key
    server = start(location, folder)
    yield Shared(server, admin_key)
    end(server)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)
