"""A file that is written whole, or not at all."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from sealwright.cli.failure import CommandError


@contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """In the place of whatever file is there, for its owner alone (0600), once all is written.

    Raises:
        CommandError: it cannot be written; then what was there is there still.
    """
    if path.exists() and not path.is_file():
        raise CommandError(f"{path} is no file: leave --out away, and write to it with the shell.")
    try:
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    except OSError as fault:
        raise CommandError(f"{path}: cannot be written: {fault.strerror}") from None
    try:
        with open(descriptor, "wb") as file:  # noqa: PTH123  # the mode is set where it is made
            yield file
            file.flush()
            os.fsync(descriptor)
        Path(name).replace(path)
    except OSError as fault:
        raise CommandError(f"{path}: cannot be written: {fault.strerror}") from None
    finally:
        with suppress(FileNotFoundError):
            Path(name).unlink()
