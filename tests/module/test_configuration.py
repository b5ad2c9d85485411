"""What the module is told, and how it says that it was told wrong."""

from pathlib import Path

import pytest

from sealwright.cryptoki import CKR
from sealwright.pkcs11 import Module
from tests.conftest import KEYS, Environment
from tests.module.providers import initialised
from tests.server import ControlPlane

KEY = "swk_" + "A" * 43


def complaint(module_file: Path, capfd: pytest.CaptureFixture[str]) -> str:
    """The one line with which C_Initialize refuses."""
    assert Module(module_file).native.initialize() == CKR.GENERAL_ERROR
    (line,) = capfd.readouterr().err.splitlines()
    assert line.startswith("sealwright: ")
    return line


def test_a_file_says_all_that_the_environment_can(
    environment: Environment, control_plane: ControlPlane, builder_key: str, module_file: Path
) -> None:
    key_file = environment.home / "api.key"
    key_file.touch(mode=0o600)
    key_file.write_text(builder_key + "\n")
    environment.write_configuration(f'url = "{control_plane.url}"\napi_key_file = "{key_file}"\n')
    with initialised(module_file) as module:
        assert len(module.slots()) == len(KEYS)


def test_the_environment_wins(
    environment: Environment, control_plane: ControlPlane, builder_key: str, module_file: Path
) -> None:
    environment.write_configuration(f'url = "http://127.0.0.1:1"\napi_key = "{KEY}"\n')
    environment.set(url=control_plane.url, api_key=builder_key)
    with initialised(module_file) as module:
        assert len(module.slots()) == len(KEYS)


def test_a_named_file_is_read_instead_of_the_usual_one(
    environment: Environment, control_plane: ControlPlane, builder_key: str, module_file: Path
) -> None:
    environment.write_configuration("this is no TOML")
    other = environment.home / "other.toml"
    other.touch(mode=0o600)
    other.write_text(f'url = "{control_plane.url}"\napi_key = "{builder_key}"\n')
    environment.set(config=str(other))
    with initialised(module_file) as module:
        assert len(module.slots()) == len(KEYS)


def test_a_module_that_nobody_configured_loads(
    environment: Environment, module_file: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with initialised(module_file) as module:
        assert module.slots() == []
    assert "SEALWRIGHT_API_KEY" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("url = [", "pkcs11.toml:1"),
        ("\n\nurl = 5", "url"),
        ('url = "ftp://somewhere"', "ftp"),
        ('urll = "http://127.0.0.1:1"', "urll"),
        ('[signers]\nrelease = "seven"', "release"),
        ("[signers]\nrelease = 0", "release"),
        ("[timeouts]\nconnect = -1", "connect"),
        ('[log]\nlevel = "loud"', "level"),
        ('url = "http://192.0.2.1:8443"', "insecure"),
        ('api_key = "hunter2"', "api_key"),
        ('[approval]\nwindow = "31d"', "approval.window must be a duration from 1s to 30d"),
        ('[approval]\nwait = "8d"', "approval.wait must be a duration from 1s to 7d"),
        ("[approval]\nsignings = 0", "approval.signings must be a number from 1 to 1000000000"),
    ],
)
def test_a_fault_is_named_and_nothing_is_done(
    environment: Environment,
    module_file: Path,
    capfd: pytest.CaptureFixture[str],
    text: str,
    word: str,
) -> None:
    environment.write_configuration(text + "\n")
    line = complaint(module_file, capfd)
    assert word in line
    assert "hunter2" not in line


def test_a_fault_in_a_variable_is_named_too(
    environment: Environment, module_file: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    environment.set(approval_wait="soon")
    assert "SEALWRIGHT_APPROVAL_WAIT must be a duration" in complaint(module_file, capfd)


def test_a_key_file_that_others_can_read_is_refused(
    environment: Environment, module_file: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    key_file = environment.home / "api.key"
    key_file.write_text(KEY)
    key_file.chmod(0o644)
    environment.set(url="http://127.0.0.1:1", api_key_file=str(key_file))
    line = complaint(module_file, capfd)
    assert str(key_file) in line
    assert KEY not in line


def test_an_empty_variable_counts_as_unset(
    environment: Environment, control_plane: ControlPlane, builder_key: str, module_file: Path
) -> None:
    environment.write_configuration(f'url = "{control_plane.url}"\napi_key = "{builder_key}"\n')
    environment.set(url="", api_key="", config="", ca_file="")
    with initialised(module_file) as module:
        assert len(module.slots()) == len(KEYS)
