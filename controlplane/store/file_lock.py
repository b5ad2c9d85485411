"""A lock that all processes of a machine wait for, each for a while at most."""

import ctypes
import fcntl
import os
import select
import time
from contextlib import suppress
from pathlib import Path
from threading import Lock

_CLOSED = 0x8  # IN_CLOSE_WRITE of <sys/inotify.h>
_LOOK_AGAIN_SECONDS = 0.1  # where no event came: the holder was killed just then
_libc = ctypes.CDLL(None, use_errno=True)


class FileLock:
    """flock on a file, which ends with the process that holds it.

    flock can wait, but not for a while only; to try again and again either costs more than the
    transaction that is waited for, or comes late. So who waits is told by the kernel (inotify)
    when somebody closes the file, which who lets go does.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._threads = Lock()  # one of each process at the file
        self._file = -1
        self._events = -1

    def acquire(self, wait: float) -> None:
        """`wait`: in seconds. Raises OSError; TimeoutError is one."""
        deadline = time.monotonic() + wait
        if not self._threads.acquire(timeout=wait):
            raise _timed_out(wait)
        try:
            file = os.open(self._path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
            try:
                if not _is_taken(file) and not self._is_taken_by(deadline, file):
                    raise _timed_out(wait)
            except BaseException:
                os.close(file)
                raise
        except BaseException:
            self._threads.release()
            raise
        self._file = file

    def release(self) -> None:
        """By who acquired it; raises nothing."""
        file, self._file = self._file, -1
        with suppress(OSError):
            fcntl.flock(file, fcntl.LOCK_UN)  # before the event of closing it
        with suppress(OSError):
            os.close(file)
        self._threads.release()

    def close(self) -> None:
        """Nobody holds it or waits for it in this process."""
        events, self._events = self._events, -1
        if events >= 0:
            os.close(events)

    def _is_taken_by(self, deadline: float, file: int) -> bool:
        events = self._watch()
        ready = select.poll()
        ready.register(events, select.POLLIN)
        while not _is_taken(file):
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            if ready.poll(min(left, _LOOK_AGAIN_SECONDS) * 1000):
                os.read(events, 4096)
        return True

    def _watch(self) -> int:
        """From now on an event comes whenever somebody closes the file that is there."""
        if self._events < 0:
            self._events = _checked(_libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC))
        _checked(_libc.inotify_add_watch(self._events, os.fsencode(self._path), _CLOSED))
        return self._events


def _is_taken(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _checked(result: int) -> int:
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
    return result


def _timed_out(wait: float) -> TimeoutError:
    return TimeoutError(f"somebody else has been writing to it for {wait:g} s")
