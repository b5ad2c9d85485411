"""One SQLite file, only read: also where nothing can be written."""

import sqlite3
from contextlib import closing
from pathlib import Path

from controlplane.errors import Code, Refused
from controlplane.store.sqlite import SqliteStore

_PRAGMAS = {"query_only": "on", "temp_store": "memory"}
_READ = "mode=ro"
_READ_AS_IT_LIES = "mode=ro&immutable=1"


def open_to_read(path: Path) -> SqliteStore:
    """A server that has it open goes on, and is not waited for. Refused data_dir_unusable."""
    return SqliteStore(path, _how(path), _PRAGMAS)


def _how(path: Path) -> str:
    """SQLite wants to write beside what it reads (-shm), or to be told that nobody changes it. That
    is certain only where none of what a server keeps beside it is there."""
    try:
        if not path.exists():
            return _READ
        path.open("rb").close()
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?{_READ}", uri=True)) as tried:
            tried.execute("SELECT 1 FROM sqlite_master").fetchone()
    except OSError as error:
        raise Refused(
            Code.DATA_DIR_UNUSABLE,
            f"{path} cannot be read: {error.strerror}. Read it as the user to whom it belongs.",
        ) from None
    except sqlite3.OperationalError as error:
        if _is_in_use(path):
            raise Refused(
                Code.DATA_DIR_UNUSABLE,
                f"{path} cannot be read here: {error}. Copy it, with what is beside it (-wal), to "
                "where files can be written, and read it there.",
            ) from None
        return _READ_AS_IT_LIES
    except sqlite3.Error as error:
        raise Refused(Code.DATA_DIR_UNUSABLE, f"{path} is no store: {error}.") from None
    return _READ


def _is_in_use(path: Path) -> bool:
    """By a server, or by one that ended without tidying up."""
    log, index = (path.with_name(path.name + end) for end in ("-wal", "-shm"))
    return index.exists() or (log.exists() and log.stat().st_size > 0)
