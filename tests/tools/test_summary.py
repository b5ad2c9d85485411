"""The list at the end of a run of what each tool signed."""

import sys
from pathlib import Path

from tests.server import surroundings
from tests.tools.summary import summary_of
from tests.tools.tool import Workbench

PLUGIN = "from tests.tools.summary import pytest_terminal_summary, signed_with\n"
TESTS = """
import pytest

@pytest.mark.parametrize("number", range(4))
def test_signs(signed_with, number):
    signed_with("tool", "1.2", f"file (key-{number})")

def test_fails(signed_with):
    signed_with("other", "3.4", "nothing of worth")
    raise AssertionError
"""


def test_what_was_signed_is_listed_by_tool_version_and_thing() -> None:
    signed = [
        ("beta", "2", "MSI"),
        ("alpha", "1", "JAR (p384)"),
        ("alpha", "1", "JAR (p256)"),
        ("alpha", "1", "APK (p256)"),
        ("alpha", "1", "APK (p256)"),
    ]
    assert summary_of(signed) == ["alpha 1: APK (p256); JAR (p256, p384)", "beta 2: MSI"]


def test_a_long_list_goes_on_in_further_lines() -> None:
    lines = summary_of([("tool", "1", f"{number:03} things-to-sign") for number in range(20)])
    assert len(lines) > 1
    assert all(len(line) <= 100 for line in lines)
    assert all(line.startswith("  ") for line in lines[1:])


def test_it_comes_from_all_workers_and_leaves_out_what_failed(
    tmp_path: Path, module_file: Path
) -> None:
    bench = Workbench(tmp_path, module_file, surroundings(tmp_path))
    bench.write("conftest.py", PLUGIN.encode())
    bench.write("test_it.py", TESTS.encode())
    ended = bench.run(sys.executable, "-m", "pytest", "-n", "2", "-p", "no:cacheprovider")
    lines = ended.out.splitlines()
    assert "4 passed" in lines[-1]
    assert "1 failed" in lines[-1]
    assert "tool 1.2: file (key-0, key-1, key-2, key-3)" in lines
    assert not [line for line in lines if line.startswith("other 3.4")]
