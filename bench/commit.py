"""Another commit of this repository, built in a folder of its own, to take turns with this tree.

It stays in build/bench, so that only the first run builds.
"""

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

from bench.systems import PRESENT, Build, run

_ROOT = Path(__file__).resolve().parents[1]
_BUILDS = _ROOT / "build" / "bench"
_NATIVE = ("native", "CMakeLists.txt")
_SHORT = 7


def build(revision: str) -> Build:
    """The control plane runs from the commit's tree, in an environment with the commit's own pins.
    Its module is the present one where native code is the same. Raises RuntimeError."""
    git = ["git", "-C", str(_ROOT)]
    asked = ["rev-parse", "--quiet", "--verify", f"{revision}^{{commit}}"]
    found = subprocess.run([*git, *asked], capture_output=True, text=True, check=False)
    if found.returncode != 0:
        raise RuntimeError(f"--against {revision}: there is no such commit in {_ROOT}")
    commit = found.stdout.strip()
    folder = _BUILDS / commit
    tree, python = folder / "tree", folder / "venv" / "bin" / "python"
    if not (folder / "built").exists():
        _say(f"building {commit[:_SHORT]} in {folder}")
        shutil.rmtree(folder, ignore_errors=True)
        tree.mkdir(parents=True)
        archive = folder / "tree.tar"
        run([*git, "archive", f"--output={archive}", commit], os.environ)
        run(["tar", "-x", "-f", str(archive), "-C", str(tree)], os.environ)
        archive.unlink()
        _install_dependencies(tree, python)
        (folder / "built").touch()
    same = ["diff", "--quiet", commit, "--", *_NATIVE]
    if subprocess.run([*git, *same], check=False).returncode == 0:
        module = PRESENT.module
    else:
        module = _module(tree, python)
    return Build(
        commit[:_SHORT],
        (str(python), "-P", "-m", "sealwright.cli"),
        {"PYTHONPATH": f"{tree}:{tree / 'python'}"},
        module,
    )


def _install_dependencies(tree: Path, python: Path) -> None:
    """The commit's own, what builds its module too."""
    run([sys.executable, "-m", "venv", str(python.parents[1])], os.environ)
    lock = tree / "requirements" / "dev.txt"
    if lock.exists():
        _pip(python, "--require-hashes", "-r", str(lock))
        return
    asked = tomllib.loads((tree / "pyproject.toml").read_text())  # of before there was a lock
    wanted = asked["build-system"]["requires"] + asked["project"]["dependencies"]
    _pip(python, "-c", str(tree / ".ci" / "constraints.txt"), *wanted)


def _module(tree: Path, python: Path) -> Path:
    """Built with the commit's own native code, once."""
    site = python.parents[1] / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}"
    module = site / "site-packages" / "sealwright" / PRESENT.module.name
    if not module.exists():
        _say(f"building the module of {tree}")
        _pip(python, "--no-deps", "--no-build-isolation", str(tree))
    return module


def _pip(python: Path, *what: str) -> None:
    quiet = ["-q", "--disable-pip-version-check"]
    run([str(python), "-I", "-m", "pip", "install", *quiet, *what], os.environ)


def _say(what: str) -> None:
    sys.stderr.write(f"bench: {what}\n")
