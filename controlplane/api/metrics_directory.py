"""Where the processes of a server keep their counts, for as long as the server lives."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_PREFIX = "sealwright-metrics-"
_LOCK = "lock"


@contextmanager
def metrics_directory() -> Iterator[Path]:
    """An empty directory, removed at the end. One whose server was killed is removed by the next:
    processes hold a lock in theirs, workers as well, and the kernel takes it from the dead."""
    _remove_those_of_the_dead()
    owner = os.getpid()
    directory, lock = _make()
    try:
        yield directory
    finally:
        if os.getpid() == owner:  # workers end here as well, and others may still count
            shutil.rmtree(directory, ignore_errors=True)
        os.close(lock)


def _make() -> tuple[Path, int]:
    """With the descriptor that holds the lock. Before it had one, the next server that starts may
    have taken the directory for a dead one's: then another is made."""
    while True:
        directory = Path(tempfile.mkdtemp(prefix=_PREFIX))
        lock = os.open(directory / _LOCK, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        fcntl.flock(lock, fcntl.LOCK_EX)
        if os.fstat(lock).st_nlink:
            return directory, lock
        os.close(lock)


def _remove_those_of_the_dead() -> None:
    for directory in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
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
