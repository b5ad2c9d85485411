"""The archive of the image, of folders as small as can be; the real one is tried by
`make test-image`."""

import gzip
import hashlib
import io
import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest

WRITER = Path(__file__).parents[1] / "packaging" / "image" / "archive.py"
EPOCH = 1_796_000_000


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """What would be Debian's, and what would be ours."""
    debian, application = tmp_path / "debian", tmp_path / "application"
    (debian / "usr").mkdir(parents=True)
    (debian / "usr" / "python").write_bytes(b"\x7fELF")
    (debian / "usr" / "python").chmod(0o755)
    (debian / "usr" / "python3").symlink_to("python")
    for each in ("data", "run/sealwright", "etc"):
        (application / each).mkdir(parents=True)
    (application / "etc" / "passwd").write_text("root:x:0:0::/:\n")
    return debian, application


def write(folders: tuple[Path, Path], to: Path) -> dict[str, bytes]:
    """The archive's files."""
    command = [sys.executable, str(WRITER), "1.2.3", "c0ffee", *map(str, [*folders, to])]
    subprocess.run(command, env=os.environ | {"SOURCE_DATE_EPOCH": str(EPOCH)}, check=True)
    return files_of(to.read_bytes())


def files_of(tar: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(tar)) as archive:
        opened = {each.name: archive.extractfile(each) for each in archive}
        return {name: file.read() for name, file in opened.items() if file is not None}


def test_the_same_folders_make_the_same_bytes_at_any_time(
    folders: tuple[Path, Path], tmp_path: Path
) -> None:
    write(folders, tmp_path / "once.tar")
    for each in tmp_path.rglob("*"):
        os.utime(each, (1, 1), follow_symlinks=False)
    write(folders, tmp_path / "again.tar")
    assert (tmp_path / "once.tar").read_bytes() == (tmp_path / "again.tar").read_bytes()


def test_what_is_named_by_its_sum_is_there(folders: tuple[Path, Path], tmp_path: Path) -> None:
    files = write(folders, tmp_path / "image.tar")

    def find(described: Any) -> bytes:
        content = files[f"blobs/{described['digest'].replace(':', '/')}"]
        assert described["digest"] == f"sha256:{hashlib.sha256(content).hexdigest()}"
        assert described["size"] == len(content)
        return content

    (named,) = json.loads(files["index.json"])["manifests"]
    manifest = json.loads(find(named))
    config = json.loads(find(manifest["config"]))
    layers = [gzip.decompress(find(each)) for each in manifest["layers"]]
    sums = [f"sha256:{hashlib.sha256(each).hexdigest()}" for each in layers]
    assert config["rootfs"]["diff_ids"] == sums
    assert [sorted(files_of(each)) for each in layers] == [
        ["usr/python", "usr/python3"],
        ["etc/passwd"],
    ]

    (before,) = json.loads(files["manifest.json"])
    assert json.loads(files[before["Config"]]) == config
    assert [gzip.decompress(files[each]) for each in before["Layers"]] == layers
    assert before["RepoTags"] == ["sealwright:1.2.3"]


def test_all_is_roots_but_what_is_written_to(folders: tuple[Path, Path], tmp_path: Path) -> None:
    files = write(folders, tmp_path / "image.tar")
    owners: dict[str, tuple[int, int, float]] = {}
    for layer in json.loads(files["manifest.json"])[0]["Layers"]:
        with tarfile.open(fileobj=io.BytesIO(files[layer])) as archive:
            owners |= {each.name: (each.uid, each.gid, each.mtime) for each in archive}
    ours = {name: owner for name, owner in owners.items() if owner != (0, 0, EPOCH)}
    assert ours == {"data": (10001, 0, EPOCH), "run/sealwright": (10001, 0, EPOCH)}
