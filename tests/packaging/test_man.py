"""The manual pages: one for each command, and nothing in them that man(1) stumbles over."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.cli.commands import command_paths

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def pages() -> Path:
    subprocess.run(
        [ROOT / "packaging/man/build"],
        env=dict(os.environ) | {"SOURCE_DATE_EPOCH": "1790000000"},
        check=True,
        capture_output=True,
    )
    return ROOT / "build/man"


def test_each_command_has_its_page(pages: Path) -> None:
    wanted = {f"{path.replace(' ', '-')}.1" for path in command_paths()}
    assert {page.name for page in pages.iterdir()} == wanted


def test_the_date_is_that_of_the_source(pages: Path) -> None:
    for page in pages.iterdir():
        assert '"1" "2026-09-21"' in page.read_text().splitlines()[0]


def test_man_shows_them_without_a_complaint(pages: Path) -> None:
    assert shutil.which("man"), "man-db is not installed"
    shown = subprocess.run(
        ["man", "--warnings", "-l", *sorted(pages.iterdir())],
        env={"PATH": os.environ["PATH"], "MANWIDTH": "80", "LC_ALL": "C.UTF-8", "MANPAGER": "cat"},
        check=True,
        capture_output=True,
        text=True,
    )
    assert shown.stderr == ""
    assert "Make a key pair on the server, and a certificate" in shown.stdout
