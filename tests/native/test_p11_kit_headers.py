"""The module builds with p11-kit's header of any version: Debian 12's, which is the oldest that is
supported, and the newest that Debian has."""

import subprocess
from pathlib import Path

import pytest

from tests.native.test_surface import ADDED_BY_3_0, SPEC, functions_of_the_standard, generate

ROOT = Path(__file__).resolve().parents[2]
INSTALLED = Path("/usr/include/p11-kit-1")
NEWEST = ROOT / "build" / "p11-kit" / "include"

SOURCES = [
    *("abi/general.cc", "abi/interface.cc", "abi/session.cc", "abi/sign.cc"),
    *("crypto/edwards.cc", "crypto/mechanism.cc", "crypto/rsa_pss.cc"),
    *("token/attributes.cc", "token/session_key.cc"),
]
"""What stands between the header's names and ours; the rest sees it through these."""


@pytest.fixture(scope="session", params=["installed", "newest"])
def headers(request: pytest.FixtureRequest) -> Path:
    """The folder to include from."""
    if request.param == "installed":
        return INSTALLED
    brought = subprocess.run(
        [ROOT / ".ci" / "newest-p11-kit"], capture_output=True, text=True, check=False
    )
    if brought.returncode != 0:
        pytest.skip(f"Debian's newest packages are out of reach: {brought.stderr.strip()}")
    return NEWEST


@pytest.fixture(scope="session")
def surface(tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("surface")
    done = generate(SPEC / "functions.toml", output)
    assert done.returncode == 0, done.stderr
    return output


def compile_against(headers: Path, surface: Path, *sources: Path) -> str:
    """What the compiler says; nothing when all is well."""
    command = ["g++", "-std=c++20", "-fsyntax-only", "-Wall", "-Wextra", "-Wconversion", "-Werror"]
    command += ["-DSEALWRIGHT_VERSION_MAJOR=0", "-DSEALWRIGHT_VERSION_MINOR=0"]
    command += ["-isystem", str(headers), "-I", str(ROOT / "native"), "-I", str(surface)]
    done = subprocess.run(
        [*command, *map(str, sources)], capture_output=True, text=True, check=False
    )
    return done.stderr


def test_the_module_compiles(headers: Path, surface: Path) -> None:
    sources = [ROOT / "native" / name for name in SOURCES]
    assert compile_against(headers, surface, *sources, surface / "abi" / "entry_points.cc") == ""


def test_our_structures_are_laid_out_as_the_header_has_them(
    headers: Path, surface: Path, tmp_path: Path
) -> None:
    check = tmp_path / "layout.cc"
    older = [f"static_assert({same_place('CK_FUNCTION_LIST', name)});" for name in OLDER]
    newer = [f"static_assert({same_place('CK_FUNCTION_LIST_3_0', name)});" for name in EVERY]
    lines = [
        '#include "abi/function_list_3_0.h"',
        "#include <cstddef>",
        *older,
        "static_assert(sizeof(CK_INTERFACE) == 3 * sizeof(void*));",
        "#if CRYPTOKI_VERSION_MAJOR >= 3",
        *newer,
        "static_assert(sizeof(sealwright::FunctionList30) == sizeof(CK_FUNCTION_LIST_3_0));",
        "#endif",
    ]
    check.write_text("\n".join(lines) + "\n")
    assert compile_against(headers, surface, check) == ""


OLDER = functions_of_the_standard()
EVERY = [*OLDER, *ADDED_BY_3_0]


def same_place(structure: str, name: str) -> str:
    return f"offsetof({structure}, {name}) == offsetof(sealwright::FunctionList30, {name})"
