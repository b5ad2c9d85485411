"""Where the processes of a server keep their counts, for as long as the server lives: with other
temporary files, or in its data directory where the system has no place for such."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from controlplane.errors import Refused

_PREFIX = "sealwright-metrics-"
_LOCK = "lock"


@contextmanager
def metrics_directory(data_dir: Path) -> Iterator[Path]:
    """An empty directory, removed at the end. One whose server was killed is removed by the next:
    processes hold a lock in theirs, workers as well, and the kernel takes it from the dead.

    Refused 503 no_temporary_folder.
    """
    place = _find_place(data_dir)
    _remove_those_of_the_dead(place)
    owner = os.getpid()
    try:
        directory, lock = _make(place)
    except OSError as fault:
        raise Refused(
            "no_temporary_folder",
            f"Nothing can be written in {place} ({fault.strerror}): set TMPDIR to a folder for "
            "temporary files.",
            status=503,
        ) from None
    try:
        yield directory
    finally:
        if os.getpid() == owner:  # workers end here as well, and others may still count
            shutil.rmtree(directory, ignore_errors=True)
        os.close(lock)


def _find_place(data_dir: Path) -> Path:
    try:
        return Path(tempfile.gettempdir())
    except FileNotFoundError:  # none that can be written to
        return data_dir.absolute()


def _make(place: Path) -> tuple[Path, int]:
    """With the descriptor that holds the lock. Before it had one, the next server that starts may
    have taken the directory for a dead one's: then another is made."""
    while True:
        directory = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=place))
        lock = os.open(directory / _LOCK, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        fcntl.flock(lock, fcntl.LOCK_EX)
        if os.fstat(lock).st_nlink:
            return directory, lock
        os.close(lock)


def _remove_those_of_the_dead(place: Path) -> None:
    for directory in place.glob(f"{_PREFIX}*"):
        try:
            lock = os.open(directory / _LOCK, os.O_RDWR | os.O_CLOEXEC)
        except OSError:
            continue  # somebody else's, or one that is about to have a lock
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(directory, ignore_errors=True)
        except BlockingIOError:
            continue
        finally:
            os.close(lock)
