"""requirements/*.txt pin what pyproject.toml asks for: one version of each, with hashes."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
RUN = [
    *PROJECT["project"]["dependencies"],
    *(each for extra in PROJECT["project"]["optional-dependencies"].values() for each in extra),
]
DEV = [*RUN, *PROJECT["build-system"]["requires"], *PROJECT["dependency-groups"]["dev"]]


def pinned(name: str) -> dict[str, str]:
    """Name to version; each line that pins one goes on with its hashes."""
    text = (ROOT / "requirements" / name).read_text().replace("\\\n", "")
    versions: dict[str, str] = {}
    for line in text.splitlines():
        requirement, *hashes = re.split(r"\s+--hash=sha256:", line.strip())
        assert hashes, f"{name}: no hash: run make lock"
        assert all(re.fullmatch(r"[0-9a-f]{64}", each) for each in hashes)
        name_and_version = re.fullmatch(r"([^=\s]+)==(\S+)(?: ;.*)?", requirement)
        assert name_and_version, f"{requirement}: not one version"
        versions[canonicalize_name(name_and_version[1])] = name_and_version[2]
    return versions


@pytest.mark.parametrize(("file", "asked"), [("run.txt", RUN), ("dev.txt", DEV)])
def test_what_is_asked_for_is_pinned(file: str, asked: list[str]) -> None:
    versions = pinned(file)
    for requirement in map(Requirement, asked):
        version = versions.get(canonicalize_name(requirement.name))
        assert version, f"{requirement} is not in {file}: run make lock"
        assert requirement.specifier.contains(version), f"{requirement}: run make lock"


def test_what_runs_is_what_was_tested() -> None:
    assert pinned("run.txt").items() <= pinned("dev.txt").items()


@pytest.mark.parametrize(
    "file", [*(ROOT / "requirements").glob("*.txt"), *ROOT.glob("*/*/requirements.txt")], ids=str
)
def test_nothing_is_said_of_where_it_comes_from(file: Path) -> None:
    """An index or a folder of the machine on which it was written."""
    assert not re.findall(r"^-.*|https?://|file:", file.read_text(), re.MULTILINE)
