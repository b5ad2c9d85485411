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
_UNTOLD_SECONDS = 0.002  # the same where no event can come
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
        self._ready = select.poll()

    def acquire(self, wait: float) -> None:
        """`wait`: in seconds. Raises OSError; TimeoutError is one."""
        deadline = time.monotonic() + wait
        if not self._threads.acquire(timeout=wait):
            raise _timed_out(wait)
        try:
            file = os.open(self._path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
            try:
                if not self._is_taken_by(deadline, file):
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
        self._ready = select.poll()
        if events >= 0:
            os.close(events)

    def _is_taken_by(self, deadline: float, file: int) -> bool:
        """Looks before it waits, and after each event; forgets events before it looks, never after,
        or one that says what has changed since could be lost."""
        self._forget_events()
        if _is_taken(file):
            return True
        if self._events < 0:
            self._watch()
        while not _is_taken(file):
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            look_again = _LOOK_AGAIN_SECONDS if self._events >= 0 else _UNTOLD_SECONDS
            if not self._ready.poll(min(left, look_again) * 1000):
                self._watch()  # there may be another file by now
            elif _is_taken(file):
                return True
            self._forget_events()
        return True

    def _watch(self) -> None:
        """From now on an event comes whenever somebody closes the file that is there; none where
        the kernel has no more of them for this user, whatever program took them."""
        try:
            if self._events < 0:
                self._ready = select.poll()
                self._events = _checked(_libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC))
                self._ready.register(self._events, select.POLLIN)
            _checked(_libc.inotify_add_watch(self._events, os.fsencode(self._path), _CLOSED))
        except OSError:
            self.close()

    def _forget_events(self) -> None:
        """Such as of our own release."""
        if self._events >= 0:
            with suppress(BlockingIOError):
                os.read(self._events, 4096)


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
