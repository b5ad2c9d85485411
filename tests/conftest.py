"""The module under test, and control planes for it to call."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from sealwright.module import module_path
from tests.server import ControlPlane, running
from tests.tools.summary import pytest_terminal_summary, signed_with

__all__ = ["pytest_terminal_summary", "signed_with"]  # a hook and a fixture for pytest to find

KEYS = ("rsa-2048", "rsa-3072", "rsa-4096", "p256", "p384", "p521", "ed25519")
"""The kinds of key of the shared control plane; each signer there is named after its own."""

BUILDER = "builder"
"""The machine that is an operator of every shared signer."""


@pytest.fixture(scope="session")
def module_file() -> Path:
    """The library under test: SEALWRIGHT_MODULE, else the one that is installed."""
    named = os.environ.get("SEALWRIGHT_MODULE")
    return Path(named) if named else module_path()


@pytest.fixture(scope="session")
def control_plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """Shared: a test that changes more than its own signers and identities takes `own_plane`."""
    with running(tmp_path_factory.mktemp("control-plane")) as plane:
        yield plane


@pytest.fixture(scope="session")
def builder_key(control_plane: ControlPlane) -> str:
    """The API key of a machine that may sign with a signer for each kind of key."""
    api_key = control_plane.create_machine(BUILDER)
    for key in KEYS:
        control_plane.create_signer(key, key, **{BUILDER: "operator"})
    return api_key


@pytest.fixture
def own_plane(tmp_path: Path) -> Iterator[ControlPlane]:
    """A control plane for this test alone, to be stopped, killed and started again."""
    with running(tmp_path / "own-plane") as plane:
        yield plane


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> "Environment":
    """What this process and its children tell a module."""
    for name in [name for name in os.environ if name.startswith(("SEALWRIGHT_", "SOFTHSM2_"))]:
        monkeypatch.delenv(name)
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    return Environment(home, monkeypatch)


class Environment:
    """Starts without any variable or file of ours."""

    def __init__(self, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.home = home
        self._monkeypatch = monkeypatch

    def set(self, **variables: str) -> None:
        """SEALWRIGHT_ variables, named without their prefix, in lower case."""
        for name, value in variables.items():
            self._monkeypatch.setenv(f"SEALWRIGHT_{name.upper()}", value)

    def set_exactly(self, variables: Mapping[str, str]) -> None:
        for name, value in variables.items():
            self._monkeypatch.setenv(name, value)

    def write_configuration(self, text: str) -> Path:
        """The configuration file of this user."""
        path = self.home / ".config" / "sealwright" / "pkcs11.toml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o600)
        return path
