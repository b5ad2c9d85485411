"""Without the packages that are extras: what needs them says which to install, all else works."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.server import COMMAND, ControlPlane, surroundings

URL = "postgresql://nobody@127.0.0.1/none"
WITH_POSTGRESQL = {
    "init": ("init", "--database", URL, "--data-dir", "new"),
    "serve": ("serve", "--database", URL, "--data-dir", "plane/data"),
    "backup": ("backup", "copy", "--database", URL, "--data-dir", "plane/data"),
    "recovery": ("recovery", "detach-policy", "release", "--database", URL),
}


def without(package: str, folder: Path) -> str:
    """A folder for PYTHONPATH in which the package is as good as not installed."""
    (folder / "without" / package).mkdir(parents=True)
    gone = f"raise ModuleNotFoundError('left out', name={package!r})"
    (folder / "without" / package / "__init__.py").write_text(gone)
    return str(folder / "without")


@pytest.fixture
def plane(tmp_path: Path) -> ControlPlane:
    return ControlPlane.install(tmp_path / "plane")


def test_gunicorns_own_parser_takes_the_place_of_the_one_in_c(
    plane: ControlPlane, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = [without("gunicorn_h1c", tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(path))
    plane.start()
    try:
        assert plane.client().whoami().value.name == "admin"
    finally:
        plane.kill()


@pytest.mark.parametrize("command", WITH_POSTGRESQL)
@pytest.mark.usefixtures("plane")
def test_a_store_on_postgresql_says_what_to_install(tmp_path: Path, command: str) -> None:
    around = surroundings(tmp_path)
    around["PYTHONPATH"] = os.pathsep.join([without("psycopg", tmp_path), around["PYTHONPATH"]])
    ended = subprocess.run(
        [*COMMAND, *WITH_POSTGRESQL[command]],
        cwd=tmp_path,
        env=around,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 1
    assert ended.stderr.splitlines() == [
        "Error: PostgreSQL's driver is not installed: there is no psycopg.",
        "  Install it: pip install 'sealwright[postgresql]'",
    ]
