"""Which one of all processes that work on a store does what one of them is to do."""

import fcntl
import os
from abc import ABC, abstractmethod
from contextlib import suppress
from pathlib import Path


class Election(ABC):
    """Used by one thread. Whoever dies loses, whatever becomes of its machine."""

    @abstractmethod
    def wins(self) -> bool:
        """Whether this process is elected from now on; at once, and False where the store cannot
        be asked. Not while it is."""

    @abstractmethod
    def holds(self) -> bool:
        """Whether it still is. If not, nothing is left of it, and it can be tried again."""

    @abstractmethod
    def close(self) -> None:
        """Another may win; raises nothing."""


class FileElection(Election):
    """flock on a file that is for this alone: of the processes of one machine."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = -1

    def wins(self) -> bool:
        with suppress(OSError):
            file = os.open(self._path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                os.close(file)
                return False
            self._file = file
            return self.holds()
        return False

    def holds(self) -> bool:
        """There may be another file by now."""
        with suppress(OSError):
            held, there = os.fstat(self._file), self._path.stat()
            if (held.st_dev, held.st_ino) == (there.st_dev, there.st_ino):
                return True
        self.close()
        return False

    def close(self) -> None:
        file, self._file = self._file, -1
        if file >= 0:
            with suppress(OSError):
                os.close(file)
