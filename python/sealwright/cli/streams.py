"""stdin, stdout and stderr as other programs leave them: closed, full, or with nobody who reads."""

import fcntl
import os
import sys
from contextlib import suppress

_MODES = {"stdin": os.O_RDONLY, "stdout": os.O_RDONLY, "stderr": os.O_WRONLY}


def open_what_is_closed() -> None:
    """The next file that is opened would get the number of a closed one, and with it what is meant
    for people. What goes to a closed stdout fails; a closed stderr takes everything."""
    for number, (name, mode) in enumerate(_MODES.items()):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, mode)  # gets the lowest number that is free
            stream = open(number, "r" if name == "stdin" else "w", closefd=False)  # noqa: SIM115
            setattr(sys, name, stream)


def stdout_is_open() -> bool:
    """Whether anything can be written to it at all."""
    try:
        return fcntl.fcntl(sys.stdout.fileno(), fcntl.F_GETFL) & os.O_ACCMODE != os.O_RDONLY
    except (OSError, ValueError):
        return True  # no file: a test's


def stdout_fails() -> bool:
    """Whether something is written that stdout does not take."""
    try:
        sys.stdout.flush()
    except OSError:
        return True
    return False


def drop_what_is_stuck() -> None:
    """The interpreter would try to write it again at its end, and complain."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            with suppress(OSError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
