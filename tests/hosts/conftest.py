"""Hosts, compiled once, and control planes for them."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.controlplane.authority import Authority
from tests.hosts.host import Hosts, build
from tests.server import ControlPlane, running, surroundings

SECURE_SIGNERS = ("p256", "unused", "used")


@pytest.fixture(scope="session")
def executables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hosts")
    build(folder)
    return folder


@pytest.fixture
def hosts(
    executables: Path,
    tmp_path: Path,
    module_file: Path,
    control_plane: ControlPlane,
    builder_key: str,
) -> Hosts:
    """As the machine that may sign with every shared signer."""
    there = {"SEALWRIGHT_URL": control_plane.url, "SEALWRIGHT_API_KEY": builder_key}
    return Hosts(executables, module_file, surroundings(tmp_path) | there)


@dataclass(frozen=True)
class Secure:
    """A control plane behind TLS; what is in it was made before, over plain HTTP."""

    plane: ControlPlane
    variables: dict[str, str]  # names without their prefix, in lower case


@pytest.fixture(scope="session")
def secure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secure]:
    folder = tmp_path_factory.mktemp("secure-hosts")
    certificate, key = (authority := Authority(folder)).issue("server", "127.0.0.1")
    with running(folder / "plane") as plane:
        machine = plane.create_machine("builder")
        for signer in SECURE_SIGNERS:
            plane.create_signer(signer, "p256", builder="operator")
        plane.stop()
        plane.serve_options = ("--tls-cert", str(certificate), "--tls-key", str(key))
        plane.start()
        plane.ca_file = authority.certificate
        ca_file = str(authority.certificate)
        yield Secure(plane, {"url": plane.url, "api_key": machine, "ca_file": ca_file})
