"""The table of signatures and what is generated from it agree with the standard's header."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

SPEC = Path(__file__).parent.parent.parent / "native" / "spec"
HEADER = Path("/usr/include/p11-kit-1/p11-kit/pkcs11.h")

ADDED_BY_3_0 = [
    *("C_GetInterfaceList", "C_GetInterface", "C_LoginUser", "C_SessionCancel"),
    *("C_MessageEncryptInit", "C_EncryptMessage", "C_EncryptMessageBegin"),
    *("C_EncryptMessageNext", "C_MessageEncryptFinal"),
    *("C_MessageDecryptInit", "C_DecryptMessage", "C_DecryptMessageBegin"),
    *("C_DecryptMessageNext", "C_MessageDecryptFinal"),
    *("C_MessageSignInit", "C_SignMessage", "C_SignMessageBegin"),
    *("C_SignMessageNext", "C_MessageSignFinal"),
    *("C_MessageVerifyInit", "C_VerifyMessage", "C_VerifyMessageBegin"),
    *("C_VerifyMessageNext", "C_MessageVerifyFinal"),
]
"""In the order of CK_FUNCTION_LIST_3_0 (PKCS#11 v3.0 §3.7)."""


def generate(table: Path, output: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SPEC / "generate.py"), str(table), str(output)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def surface(tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("surface")
    done = generate(SPEC / "functions.toml", output)
    assert done.returncode == 0, done.stderr
    return output


def functions_of_the_standard() -> list[str]:
    """Of 2.40, in the order of CK_FUNCTION_LIST."""
    members = re.findall(r"^  CK_(C_\w+) C_\w+;", HEADER.read_text(), re.MULTILINE)
    return members[:68]


def test_the_function_list_has_the_order_of_the_standard(surface: Path) -> None:
    text = (surface / "abi" / "entry_points.cc").read_text()
    lists = re.findall(r"^\w+ list_(\w+) = \{\n(.*?)^\};", text, re.MULTILINE | re.DOTALL)
    older, newer = (re.findall(r"^    (C_\w+),$", entries, re.MULTILINE) for _, entries in lists)
    assert [name for name, _ in lists] == ["2_40", "3_0"]
    assert older == functions_of_the_standard()
    assert len(older) == 68
    assert newer[2] == "C_GetInfo_3_0"
    assert [*newer[:2], "C_GetInfo", *newer[3:]] == [*older, *ADDED_BY_3_0]


def test_exactly_the_functions_are_exported_from_an_anonymous_node(surface: Path) -> None:
    text = (surface / "exports.map").read_text()
    assert re.findall(r"(C_\w+);", text) == [*functions_of_the_standard(), *ADDED_BY_3_0]
    assert text.startswith("{\n")
    assert "local: *;" in text


def test_a_second_run_leaves_the_files_alone(surface: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in surface.rglob("*") if path.is_file()}
    assert generate(SPEC / "functions.toml", surface).returncode == 0
    assert {path: path.stat().st_mtime_ns for path in before} == before


@pytest.mark.parametrize(
    ("entry", "complaint"),
    [
        ('name = "C_X"\nkind = "maybe"\nparameters = []', "C_X: kind 'maybe'"),
        ('name = "C_X"\nkind = "implemented"\nparameters = ["CK_ULONG"]', "C_X: a parameter"),
        ('name = "C_X"\nkind = "session"\nparameters = ["CK_ULONG n"]', "C_X: does not begin"),
        ('name = "C_X"\nkind = "lifecycle"\nsince = "9"\nparameters = []', "C_X: since '9'"),
    ],
)
def test_a_wrong_entry_is_named(tmp_path: Path, entry: str, complaint: str) -> None:
    table = tmp_path / "functions.toml"
    table.write_text(f"[[function]]\n{entry}\n")
    done = generate(table, tmp_path / "out")
    assert done.returncode != 0
    assert complaint in done.stderr
    assert "Traceback" not in done.stderr
