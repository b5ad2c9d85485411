"""The image as `make image` made it, unpacked; started by runc, without Docker."""

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).parents[2]
IMAGE_USER = 10001
STRANGER = 12345  # whom the image has never heard of
SECONDS = 60


@dataclass(frozen=True)
class Container:
    """A read-only root, no capabilities, no temporary files; the network is the machine's."""

    unpacked: Path
    folder: Path
    data: Path
    """What /data is: the only folder that can be written to."""
    secrets: Path
    """What /etc/sealwright is: root's."""

    @property
    def root(self) -> Path:
        return self.unpacked / "rootfs"

    @property
    def own_command(self) -> list[str]:
        """What it does of itself."""
        return list(self._configuration["process"]["args"])

    def run(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """`sealwright ARGUMENTS`, until it has ended."""
        command = self._prepared(["sealwright", *arguments])
        return subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)

    @contextmanager
    def running(self, *command: str) -> Iterator["subprocess.Popen[str]"]:
        """The command or, without one, its own."""
        prepared = self._prepared(list(command) or self.own_command)
        with (
            (self.folder / "serve.log").open("w") as log,
            subprocess.Popen(prepared, stdout=subprocess.PIPE, stderr=log, text=True) as runc,
        ):
            try:
                yield runc
            finally:
                runc.terminate()
                runc.wait(SECONDS)

    @property
    def log(self) -> str:
        return (self.folder / "serve.log").read_text()

    @property
    def _configuration(self) -> Any:
        return json.loads((self.unpacked / "config.json").read_text())

    def _prepared(self, command: list[str]) -> list[str]:
        made = self._configuration
        made["process"] |= {
            "args": command,
            "user": {"uid": STRANGER, "gid": 0},
            "terminal": False,
            "capabilities": {},
        }
        made["root"] = {"path": str(self.root), "readonly": True}
        kept = [each for each in made["mounts"] if each["destination"] in ("/proc", "/dev")]
        made["mounts"] = kept
        for place, source, how in (
            ("/data", self.data, "rw"),
            ("/etc/sealwright", self.secrets, "ro"),
        ):
            options = ["bind", how]
            bound = {"destination": place, "type": "bind", "source": str(source)}
            made["mounts"].append(bound | {"options": options})
        linux = made["linux"]
        linux["namespaces"] = [each for each in linux["namespaces"] if each["type"] != "network"]
        name = f"sealwright-{os.getpid()}-{len(list(self.folder.iterdir()))}"
        bundle = self.folder / name
        bundle.mkdir()
        (bundle / "config.json").write_text(json.dumps(made))
        return ["runc", "--root", str(self.folder.parent / "runc"), "run", "-b", str(bundle), name]


@pytest.fixture(scope="session")
def archive() -> Path:
    (found,) = (REPOSITORY / "dist").glob("sealwright-*-image-amd64.tar")
    return found


@pytest.fixture(scope="session")
def unpacked(archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundle that umoci makes of it."""
    folder = tmp_path_factory.mktemp("image")
    layout, bundle = folder / "layout", folder / "bundle"
    layout.mkdir()
    subprocess.run(["tar", "-x", "-f", archive, "-C", layout], check=True)
    image = f"{layout}:{archive.name.split('-')[1]}"
    subprocess.run(["umoci", "--log=error", "unpack", "--image", image, bundle], check=True)
    return bundle


@pytest.fixture
def container(unpacked: Path, tmp_path: Path) -> Container:
    for each in ("containers", "data", "secrets"):
        (tmp_path / each).mkdir(mode=0o755)
    # As a new volume is: the image's, and the group's.
    os.chown(tmp_path / "data", IMAGE_USER, 0)
    (tmp_path / "data").chmod(0o770)
    return Container(unpacked, tmp_path / "containers", tmp_path / "data", tmp_path / "secrets")
