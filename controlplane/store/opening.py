"""Which store a URL names."""

import re
from pathlib import Path

from controlplane.errors import Code, Refused
from controlplane.store.database import Store
from controlplane.store.sqlite import SqliteStore
from controlplane.store.sqlite_reading import open_to_read

_SQLITE = re.compile(r"sqlite:///(?P<path>[^?#]+)")
_POSTGRESQL = ("postgresql://", "postgres://")


def open_store(url: str, most_connections: int | None = None, *, read_only: bool = False) -> Store:
    """`sqlite:///relative/path`, `sqlite:////absolute/path` or `postgresql://USER@HOST/DATABASE`.
    `most_connections`: to a server, by the threads that use it; None: some. Nothing is connected
    yet. `read_only`: it is not written to; SQLite is also read where that could not be done.
    Refused unsupported_database, in words that do not repeat the URL; to read data_dir_unusable;
    database_driver_missing."""
    if url.startswith(_POSTGRESQL):
        # Loaded here: psycopg takes longer to load than all of this, and is an extra.
        try:
            from controlplane.store.postgresql import MOST_CONNECTIONS, PostgresqlStore, check_url
        except ModuleNotFoundError as fault:
            raise Refused(
                Code.DATABASE_DRIVER_MISSING,
                f"PostgreSQL's driver is not installed: there is no {fault.name}.",
                field="database",
            ) from None

        check_url(url)
        url = "postgresql://" + url.partition("://")[2]
        return PostgresqlStore(url, most_connections or MOST_CONNECTIONS)
    match = _SQLITE.fullmatch(url)
    if match is None:
        scheme = url.partition(":")[0]
        raise Refused(
            Code.UNSUPPORTED_DATABASE,
            f"The database URL starts with {scheme!r}; use sqlite:///PATH or postgresql://….",
            field="database",
        )
    path = Path(match["path"])
    return open_to_read(path) if read_only else SqliteStore(path)
