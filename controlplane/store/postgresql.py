"""A PostgreSQL database that any number of nodes share."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from peewee import PostgresqlDatabase

from controlplane.errors import Refused
from controlplane.store.database import Store
from controlplane.store.dialect import POSTGRESQL

_LOCK = 7_253_189_404_112_665  # of writers; any number that no other program of the database takes
_CONNECT_SECONDS = 5
_BROKEN_AFTER_SECONDS = 10  # without an acknowledgement of what was sent
_STATEMENT_SECONDS = 30  # the wait for the lock included
_SETTINGS = (
    "-c synchronous_commit=on -c timezone=UTC "
    f"-c statement_timeout={_STATEMENT_SECONDS}s -c idle_in_transaction_session_timeout=60s"
)


class PostgresqlStore(Store):
    """`url`: postgresql://USER:PASSWORD@HOST:PORT/DATABASE, as libpq has it."""

    dialect = POSTGRESQL

    def __init__(self, url: str) -> None:
        self.name = without_password(url)
        self.database = PostgresqlDatabase(
            url,
            prefer_psycopg3=True,
            autoconnect=False,
            options=_SETTINGS,
            connect_timeout=_CONNECT_SECONDS,
            tcp_user_timeout=_BROKEN_AFTER_SECONDS * 1000,
            keepalives_idle=_BROKEN_AFTER_SECONDS,
            keepalives_interval=3,
            keepalives_count=3,
            application_name="sealwright",
        )

    def exists(self) -> bool:
        with self.read() as database:
            return bool(database.table_exists("schema_version"))

    @contextmanager
    def prepare(self) -> Iterator[None]:
        """The transaction that makes the tables leaves none if it fails."""
        yield

    @contextmanager
    def _begin_read(self) -> Iterator[None]:
        with self.database.atomic("REPEATABLE READ"):
            yield

    @contextmanager
    def _begin_write(self) -> Iterator[None]:
        """Each statement after the lock sees what the writer before committed."""
        with self.database.atomic():
            self.database.execute_sql(  # type: ignore[no-untyped-call]
                "SELECT pg_advisory_xact_lock(%s)", (_LOCK,)
            )
            yield

    def _roll_back(self) -> None:
        self.database.connection().rollback()  # type: ignore[no-untyped-call]


def check_url(url: str) -> None:
    """Refused unsupported_database, in words that hold no password."""
    try:
        parts = urlsplit(url)
        has_name = len(parts.path) > 1 or "dbname=" in parts.query
        _ = parts.port
    except ValueError:
        has_name = False
    if not has_name:
        raise Refused(
            "unsupported_database",
            "The database URL must read postgresql://USER@HOST:PORT/DATABASE.",
            status=400,
            field="database",
        )


def without_password(url: str) -> str:
    masked = re.sub(r"//([^:@/]*):[^@/]*@", r"//\1:***@", url)
    return re.sub(r"(password=)[^&]*", r"\1***", masked)
