"""The tours of the documents work as they stand there, command by command."""

import os
import re
import select
import socket
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent.parent
README = HERE / "README.md"
POLICIES = HERE / "docs" / "policies.md"
START_SECONDS = 30
TOUR_SECONDS = 300
DEFAULT_PORT = "8443"


def blocks_of(document: Path, heading: str) -> list[str]:
    """The blocks of commands between this heading and the next."""
    section = re.split(r"\n##+ ", document.read_text().split(f"# {heading}\n")[1])[0]
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


def run_tour(blocks: list[str], tmp_path: Path, environment: dict[str, str]) -> str:
    """With a server as the README's first block makes it; what the others print."""
    *create, serve = blocks_of(README, "Five minutes")[0].splitlines()
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
                ["bash", "-euo", "pipefail", "-c", "\n".join(blocks).replace(DEFAULT_PORT, port)],
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
    return ended.stdout


def test_the_tour_ends_with_a_verified_jar_and_an_intact_log(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    printed = run_tour(blocks_of(README, "Five minutes")[1:], tmp_path, environment)
    assert "jar signed." in printed
    assert "\njar verified.\n" in printed
    assert re.search(r"builder +sign +release +succeeded", printed)
    assert re.search(r"intact +yes", printed)


def test_on_protected_ground_two_steps_lead_to_a_signature_and_nobody_alone_goes_around_them(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    blocks = blocks_of(POLICIES, "Two steps on protected ground")
    printed = run_tour(blocks, tmp_path, environment)
    assert "jar signed." in printed
    assert printed.count("exit code 4\n") == 3
    assert "The proposal is rejected.\n" in printed
    assert re.search(r"ci +sign +release +succeeded", printed)
    assert re.search(r"intact +yes", printed)
