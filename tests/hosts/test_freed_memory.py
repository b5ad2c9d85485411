"""No copy of a key in memory that the module has given back: seen by a library that looks at what
is freed in a real tool, from the settings to the signature."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.hosts.host import Hosts

SOURCE = Path(__file__).with_name("freed_memory.c")
FOUND = "freed memory holds the secret"
Road = Callable[[Path, str], dict[str, str]]


@pytest.fixture(scope="module")
def watcher(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library to preload."""
    library = tmp_path_factory.mktemp("watcher") / "freed_memory.so"
    flags = ["-std=c11", "-O1", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC"]
    subprocess.run(["cc", *flags, str(SOURCE), "-o", str(library)], check=True)
    return library


def watching(watcher: Path, secret: str) -> list[str]:
    """The beginning of a command that is watched."""
    turned_over = bytes(~octet & 0xFF for octet in secret.encode()).hex()
    return ["env", f"LD_PRELOAD={watcher}", f"FREED_MEMORY_SECRET={turned_over}"]


def private_file(path: Path, text: str) -> Path:
    path.touch(0o600)
    path.write_text(text)
    return path


def in_a_variable(_: Path, key: str) -> dict[str, str]:
    return {"api_key": key}


def in_the_settings(folder: Path, key: str) -> dict[str, str]:
    settings = private_file(folder / "pkcs11.toml", f'api_key = "{key}"\n')
    return {"api_key": "", "config": str(settings)}


def in_settings_that_are_wrong(folder: Path, key: str) -> dict[str, str]:
    settings = private_file(folder / "pkcs11.toml", f'api_keys = ["{key}", "{key}"]\n')
    return {"api_key": "", "config": str(settings)}


def in_a_file(folder: Path, key: str) -> dict[str, str]:
    return {"api_key": "", "api_key_file": str(private_file(folder / "builder.key", key + "\n"))}


@pytest.mark.parametrize(
    ("road", "code"),
    [
        (in_a_variable, 0),
        (in_the_settings, 0),
        (in_settings_that_are_wrong, 1),
        (in_a_file, 0),
    ],
)
def test_no_freed_memory_holds_the_key(
    hosts: Hosts, watcher: Path, builder_key: str, tmp_path: Path, road: Road, code: int
) -> None:
    (tmp_path / "data").write_bytes(b"data")
    given = f"--module {hosts.module} --token-label p256 --sign --mechanism ECDSA-SHA256"
    files = ["--input-file", str(tmp_path / "data"), "--output-file", str(tmp_path / "signature")]
    command = [*watching(watcher, builder_key), "pkcs11-tool", *given.split(), *files]
    ended = hosts.run_command(command, **road(tmp_path, builder_key))
    assert (ended.code, FOUND in ended.err) == (code, False), ended.err


def test_a_copy_would_be_seen(watcher: Path, builder_key: str, tmp_path: Path) -> None:
    key_file = private_file(tmp_path / "key", builder_key)
    forgets = ["python3", "-c", f"open({str(key_file)!r}).read()"]
    command = [*watching(watcher, builder_key), "PYTHONMALLOC=malloc", *forgets]
    ended = subprocess.run(command, capture_output=True, text=True, check=True)
    assert FOUND in ended.stderr
