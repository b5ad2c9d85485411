"""The two systems that are compared, each in a scratch directory, ready to sign."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec

from sealwright.module import module_path

KEYS = {"rsa-3072": "RSA:3072", "p256": "EC:prime256v1"}
"""Sealwright's name of each kind of key, which is also its token's label, and pkcs11-tool's."""

_SOFTHSM = Path("/usr/lib/softhsm/libsofthsm2.so")
_PIN = "1234"
_LISTENING = "sealwright is listening on "


@dataclass(frozen=True, slots=True)
class System:
    """A module with one token a kind of key, and what a process needs to use it."""

    name: str
    module: Path
    environment: Mapping[str, str]
    pin: str | None
    admin_key: str = ""  # of Sealwright


class _ApiKey(msgspec.Struct):
    api_key: str


def _surroundings(home: Path) -> dict[str, str]:
    """This process's environment, without anybody's own configuration of either system."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("SEALWRIGHT_", "SOFTHSM2_"))
    }
    return kept | {"HOME": str(home)}


def run(arguments: list[str], environment: Mapping[str, str]) -> bytes:
    """What the command says on stdout; RuntimeError with what it says on stderr if it fails."""
    done = subprocess.run(arguments, env=environment, capture_output=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{Path(arguments[0]).name} {arguments[1]}: {done.stderr.decode()}")
    return done.stdout


@contextmanager
def sealwright(scratch: Path, workers: int, threads: int) -> Iterator[System]:
    """A control plane of its own on a free loopback port, and a machine that may sign."""
    command = str(Path(sys.executable).with_name("sealwright"))
    environment = _surroundings(scratch)
    data = ["--data-dir", str(scratch / "data")]
    admin = msgspec.json.decode(
        run([command, "init", *data, "--json"], environment), type=_ApiKey
    ).api_key
    size = ["--workers", str(workers), "--threads", str(threads)]
    with (scratch / "serve.log").open("wb") as log:
        server = subprocess.Popen(
            [command, "serve", *data, "--bind", "127.0.0.1:0", *size],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=log,
        )
    try:
        assert server.stdout is not None  # noqa: S101  # it was asked for
        line = server.stdout.readline().decode()
        if not line.startswith(_LISTENING):
            raise RuntimeError(f"the server did not start: {(scratch / 'serve.log').read_text()}")
        environment |= {"SEALWRIGHT_URL": line.removeprefix(_LISTENING).strip()}
        as_admin = environment | {"SEALWRIGHT_API_KEY": admin}
        create = [command, "identity", "create", "builder", "--kind", "machine", "--json"]
        builder = msgspec.json.decode(run(create, as_admin), type=_ApiKey).api_key
        for key in KEYS:
            named = ["--key", key, "--common-name", f"Bench {key}"]
            run([command, "signer", "create", key, *named], as_admin)
            run([command, "member", "add", key, "builder", "--role", "operator"], as_admin)
        as_builder = environment | {"SEALWRIGHT_API_KEY": builder}
        yield System("sealwright", module_path(), as_builder, None, admin)
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait()


@contextmanager
def softhsm(scratch: Path) -> Iterator[System]:
    """SoftHSM2 with its tokens in files. Raises RuntimeError if it is not installed."""
    if shutil.which("softhsm2-util") is None or not _SOFTHSM.is_file():
        raise RuntimeError("SoftHSM2 is not installed: apt-get install softhsm2")
    tokens = scratch / "tokens"
    tokens.mkdir()
    configuration = scratch / "softhsm2.conf"
    configuration.write_text(f"directories.tokendir = {tokens}\nlog.level = ERROR\n")
    environment = _surroundings(scratch) | {"SOFTHSM2_CONF": str(configuration)}
    for key, kind in KEYS.items():
        pins = ["--so-pin", _PIN, "--pin", _PIN]
        run(
            ["softhsm2-util", "--init-token", "--free", "--label", key, *pins],
            environment,
        )
        token = ["--module", str(_SOFTHSM), "--token-label", key, "--login", "--pin", _PIN]
        make = ["--keypairgen", "--key-type", kind, "--label", key, "--id", "01"]
        run(["pkcs11-tool", *token, *make], environment)
    yield System("softhsm2", _SOFTHSM, environment, _PIN)
