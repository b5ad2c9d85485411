"""The tour of the README works as it stands there, command by command."""

import os
import re
import select
import socket
import subprocess
import sys
from pathlib import Path

import pytest

README = Path(__file__).parent.parent / "README.md"
START_SECONDS = 30
TOUR_SECONDS = 300
DEFAULT_PORT = "8443"


def tour() -> list[str]:
    """The blocks of commands between "Five minutes" and the next heading."""
    text = README.read_text()
    section = text.split("## Five minutes\n")[1].split("\n## ")[0]
    return re.findall(r"^```bash\n(.*?)^```", section, re.MULTILINE | re.DOTALL)


def free_port() -> str:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return str(taken.getsockname()[1])


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """A shell that has `sealwright` on its path and nothing configured."""
    kept = {name: value for name, value in os.environ.items() if "SEALWRIGHT" not in name}
    commands = str(Path(sys.executable).parent)
    return kept | {"HOME": str(tmp_path), "PATH": f"{commands}{os.pathsep}{kept['PATH']}"}


def test_the_tour_ends_with_a_verified_jar_and_an_intact_log(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    first, *others = tour()
    *create, serve = first.splitlines()
    assert serve.startswith("sealwright serve")
    port = free_port()
    subprocess.run(
        ["bash", "-euo", "pipefail", "-c", "\n".join(create)],
        cwd=tmp_path,
        env=environment,
        check=True,
        timeout=START_SECONDS,
    )
    log = tmp_path / "serve.log"
    with (
        log.open("wb") as stderr,
        subprocess.Popen(
            ["bash", "-c", f"exec {serve} --bind 127.0.0.1:{port}"],
            cwd=tmp_path,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=stderr,
        ) as server,
    ):
        try:
            assert server.stdout is not None
            assert select.select([server.stdout], [], [], START_SECONDS)[0]
            assert server.stdout.readline() == (
                f"sealwright is listening on http://127.0.0.1:{port}\n".encode()
            )
            ended = subprocess.run(
                ["bash", "-euo", "pipefail", "-c", "\n".join(others).replace(DEFAULT_PORT, port)],
                cwd=tmp_path,
                env=environment,
                capture_output=True,
                text=True,
                timeout=TOUR_SECONDS,
                check=False,
            )
        finally:
            server.terminate()
    assert ended.returncode == 0, ended.stdout + ended.stderr + log.read_text()
    assert "jar signed." in ended.stdout
    assert "\njar verified.\n" in ended.stdout
    assert re.search(r"builder +sign +release +succeeded", ended.stdout)
    assert re.search(r"intact +yes", ended.stdout)
