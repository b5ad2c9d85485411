"""At the end of a run: every tool that signed something, its version, and what it signed."""

import shutil
import subprocess
import textwrap
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path

import pytest

PROPERTY = "signed_with"
SignedWith = Callable[[str, str, str], None]


@pytest.fixture
def signed_with(record_property: Callable[[str, object], None]) -> SignedWith:
    """Call it when the signature is verified: tool, version, what it signed."""

    def record(tool: str, version: str, what: str) -> None:
        record_property(PROPERTY, (tool, version, what))

    return record


@cache
def package_version(package: str) -> str:
    """Of an installed Debian package."""
    return subprocess.run(
        ["dpkg-query", "--show", "--showformat=${Version}", package],
        capture_output=True,
        text=True,
        check=True,
    ).stdout


def is_at_least(package: str, version: str) -> bool:
    """The installed Debian package."""
    compared = ["dpkg", "--compare-versions", package_version(package), "ge", version]
    return subprocess.run(compared, check=False).returncode == 0


@cache
def jdk_version() -> str:
    """Of the installed package that jarsigner is of: each Debian has another JDK."""
    program = shutil.which("jarsigner")
    assert program is not None
    found = subprocess.run(
        ["dpkg-query", "--search", str(Path(program).resolve())],
        capture_output=True,
        text=True,
        check=True,
    )
    return package_version(found.stdout.partition(":")[0])


def jdk_cancels() -> bool:
    """What a program gives up: Java 21 cancels it at the token, 17 has it signed after all."""
    return int(jdk_version().split(".")[0]) >= 21


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Reports carry their properties from xdist's workers to here."""
    signed = {
        tuple(value)
        for report in terminalreporter.stats.get("passed", [])
        for name, value in report.user_properties
        if name == PROPERTY
    }
    if signed:
        terminalreporter.section("signed, and verified by a stranger")
    for line in summary_of(signed):
        terminalreporter.write_line(line)


def summary_of(signed: Iterable[tuple[str, ...]]) -> list[str]:
    """A paragraph for each tool and version; things that differ in "(…)" only are one."""
    tools: dict[str, dict[str, set[str]]] = {}
    for tool, version, what in sorted(signed):
        thing, _, key = what.partition(" (")
        tools.setdefault(f"{tool} {version}", {}).setdefault(thing, set()).add(key.rstrip(")"))
    lines = []
    for tool, things in tools.items():
        named = [
            thing + (f" ({', '.join(sorted(keys))})" if any(keys) else "")
            for thing, keys in things.items()
        ]
        text = f"{tool}: {'; '.join(named)}"
        lines += textwrap.wrap(text, 100, subsequent_indent="  ", break_on_hyphens=False)
    return lines
