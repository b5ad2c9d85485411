"""A PostgreSQL database that any number of nodes share."""

import re
import select
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import psycopg
from peewee import Database, PostgresqlDatabase
from psycopg.conninfo import conninfo_to_dict

from controlplane.domain.anchor import Place
from controlplane.errors import Code, Refused
from controlplane.store.connections import Connection, Connections, Cursor
from controlplane.store.database import Room, Store, StoreDatabase, in_use
from controlplane.store.dialect import POSTGRESQL
from controlplane.store.election import Election
from controlplane.store.outages import Use
from controlplane.store.session_election import SessionElection
from controlplane.store.shape import names_ever
from controlplane.store.state import READ_ROOT, Root, root_of
from controlplane.store.transaction import Transactions

MOST_CONNECTIONS = 16
_LOCK = 7_253_189_404_112_665  # of writers; any number that no other program of the database takes
_CONTROL = "pg_control_system()"
_CONNECT_SECONDS = 5
_BROKEN_AFTER_SECONDS = 10  # without an acknowledgement of what was sent
_STATEMENT_SECONDS = 30  # the wait for the lock included
_COMMIT_SECONDS = 20
_ENDING_SECONDS = 5  # the server sees that a process is gone a moment after it is
_LOOK_SECONDS = 0.05

# Whatever the server, the database or the role has by default.
_SETTINGS = {
    "timezone": "UTC",
    "search_path": '"$user",public',  # after what is PostgreSQL's own, which nobody is to replace
    "default_transaction_isolation": r"read\ committed",
    "default_transaction_read_only": "off",
    "statement_timeout": f"{_STATEMENT_SECONDS}s",
    "idle_in_transaction_session_timeout": "60s",
    # Plans that hold without statistics: a table grows under a plan that was made when it was
    # small, and is kept.
    "enable_seqscan": "off",
    "jit": "off",
}
_BEGIN_READ = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
# In one message. Each statement after the lock sees what the writer before committed.
_BEGIN_WRITE = (
    "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE;"
    " SET LOCAL lock_timeout = {milliseconds};"
    f" SELECT pg_advisory_xact_lock({_LOCK})"
)
_NAME = "sealwright"  # of our sessions
_OTHERS = f"""
    SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database()
    AND application_name = '{_NAME}' AND pid <> pg_backend_pid()
"""  # noqa: S608  # our own name
_UNLIMITED = (
    "SET LOCAL statement_timeout = 0",
    "SET LOCAL idle_in_transaction_session_timeout = 0",
)
_DROP_FUNCTIONS = """
    DO $$ DECLARE one regprocedure; BEGIN
        FOR one IN SELECT oid FROM pg_proc WHERE starts_with(proname, 'sealwright_')
            AND pronamespace = current_schema()::regnamespace
        LOOP EXECUTE 'DROP FUNCTION ' || one; END LOOP;
    END $$
"""


class _Database(StoreDatabase, PostgresqlDatabase):
    """For Peewee's queries: of each thread, on the connection that was lent to it."""

    @contextmanager
    def lent(self, connection: Connection) -> Iterator[None]:
        if not self.is_closed():
            raise RuntimeError("a transaction within another")
        self.server_version = connection.info.server_version
        self._state.set_connection(connection)  # type: ignore[attr-defined]  # Peewee's, of a thread
        try:
            yield
        finally:
            self._state.reset()  # type: ignore[attr-defined]


class PostgresqlStore(Store):
    """`url`: postgresql://USER:PASSWORD@HOST:PORT/DATABASE, as libpq has it. `most_connections`:
    as many as threads that use it at once."""

    dialect = POSTGRESQL
    driver = psycopg
    database: _Database

    def __init__(self, url: str, most_connections: int = MOST_CONNECTIONS) -> None:
        self.name = without_password(url)
        self.database = _Database(url, prefer_psycopg3=True, autoconnect=False)
        self.database.transactions = Transactions()
        self._parameters = _parameters(url)
        self._connections = Connections(most_connections, self._parameters)

    def exists(self) -> bool:
        with self.read() as database:
            return bool(database.table_exists("schema_version"))

    def check_place(self) -> None:
        """A server's disk is its own affair."""

    @contextmanager
    def prepare(self) -> Iterator[None]:
        """The transaction that makes the tables leaves none if it fails."""
        yield

    def check_alone(self) -> None:
        """By sessions that are open: a server that was not called for some time has none. It will
        not take the other store for its own."""
        with self.read() as database:
            self._refuse_others(database)

    @contextmanager
    def replacing(self) -> Iterator[Database]:
        """In one transaction; whatever else lies in the database stays."""
        with self.write() as database:
            self._refuse_others(database)
            self.lift_limits()
            tables = ", ".join(sorted(names_ever()))
            database.execute_sql(  # type: ignore[no-untyped-call]
                f"DROP TABLE IF EXISTS {tables} CASCADE"
            )
            database.execute_sql(_DROP_FUNCTIONS)  # type: ignore[no-untyped-call]
            yield database

    def _refuse_others(self, database: Database) -> None:
        """Those that are ending may end."""
        end = time.monotonic() + _ENDING_SECONDS
        while _count_others(database):
            if time.monotonic() > end:
                raise in_use(self.name)
            time.sleep(_LOOK_SECONDS)

    def close(self) -> None:
        self._connections.close()

    def close_thread(self) -> None:
        """There is nothing: connections are lent."""

    def election(self) -> Election:
        return SessionElection(self._parameters)

    def place(self) -> Place:
        """What the server says of itself not every role may read."""
        (oid,) = self._ask("SELECT oid FROM pg_database WHERE datname = current_database()")
        (may_read,) = self._ask(f"SELECT has_function_privilege('{_CONTROL}', 'execute')")
        asked = f"SELECT system_identifier::text FROM {_CONTROL}"  # noqa: S608  # our own name
        found = self._ask(asked) if may_read else None
        return Place(database=int(oid), system=None if found is None else str(found[0]))

    def lift_limits(self) -> None:
        for statement in _UNLIMITED:
            self.database.execute_sql(statement)  # type: ignore[no-untyped-call]

    def room(self) -> Room:
        """Its indexes and what is to be vacuumed included; the write-ahead log is the server's."""
        (taken,) = self._ask("SELECT pg_database_size(current_database())")
        return Room(int(taken), None)

    def _ask(self, statement: str) -> tuple[Any, ...]:
        row: tuple[Any, ...] = self.database.execute_sql(statement).fetchone()  # type: ignore[no-untyped-call]
        return row

    @contextmanager
    def _transaction(self, use: Use, wait: float) -> Iterator[Root | None]:
        begin = _BEGIN_READ
        if use == "write":
            begin = _BEGIN_WRITE.format(milliseconds=round(wait * 1000))
        if self.state is not None:
            begin = f"{begin}; {READ_ROOT}"  # in the same message
        connection, began = self._connections.borrow(begin)
        try:
            root = _last_row(began) if self.state is not None else None
            with self.database.lent(connection):
                yield root
            if use == "write":
                _commit(connection)
        finally:
            self._connections.give_back(connection)

    def _require_room(self) -> None:
        """The disk is the database server's."""

    def _read_root(self) -> Root:
        connection, cursor = self._connections.borrow(READ_ROOT)
        try:
            return root_of(cursor.fetchone() or ())  # there is one row
        finally:
            self._connections.give_back(connection)


def _count_others(database: Database) -> int:
    """As of now: within a transaction the server goes on to show what it showed first."""
    database.execute_sql("SELECT pg_stat_clear_snapshot()")  # type: ignore[no-untyped-call]
    (others,) = database.execute_sql(_OTHERS).fetchone()  # type: ignore[no-untyped-call]
    return int(others)


def _last_row(cursor: Cursor) -> Root:
    """Of the last of several statements."""
    while cursor.nextset():
        continue
    return root_of(cursor.fetchone() or ())


def _commit(connection: Connection) -> None:
    """With a deadline on this side: the server has none for a commit, which waits for ever for a
    synchronous standby that is away. Whether it was committed is then not known."""
    server = connection.pgconn
    server.send_query(b"COMMIT")
    answer = select.poll()
    answer.register(server.socket, select.POLLIN)
    end = time.monotonic() + _COMMIT_SECONDS
    while server.is_busy():
        if not answer.poll(max(0.0, end - time.monotonic()) * 1000):
            connection.close()
            raise psycopg.OperationalError(f"a commit took longer than {_COMMIT_SECONDS} s")
        server.consume_input()
    done = server.get_result()
    while server.get_result() is not None:
        continue
    if done is None or done.command_status != b"COMMIT":  # ROLLBACK where an error was ignored
        raise psycopg.OperationalError("the transaction was rolled back")


def check_url(url: str) -> None:
    """Refused unsupported_database, in words that hold no password."""
    try:
        parts = urlsplit(url)
        has_name = len(parts.path) > 1 or "dbname=" in parts.query
        _ = parts.port
        conninfo_to_dict(url)
    except (ValueError, psycopg.Error):
        has_name = False
    if not has_name:
        raise Refused(
            Code.UNSUPPORTED_DATABASE,
            "The database URL must read postgresql://USER@HOST:PORT/DATABASE.",
            field="database",
        )


def without_password(url: str) -> str:
    masked = re.sub(r"//([^:@/]*):[^@/]*@", r"//\1:***@", url)
    return re.sub(r"(password=)[^&]*", r"\1***", masked)


def _parameters(url: str) -> dict[str, object]:
    """Of the URL, and ours; of options both, where ours win."""
    given = conninfo_to_dict(url)
    ours = " ".join(f"-c {name}={value}" for name, value in _SETTINGS.items())
    return {
        "connect_timeout": _CONNECT_SECONDS,
        "application_name": _NAME,
        **given,
        "options": f"{given.get('options', '')} {ours}".strip(),
        "tcp_user_timeout": _BROKEN_AFTER_SECONDS * 1000,
        "keepalives_idle": _BROKEN_AFTER_SECONDS,
        "keepalives_interval": 3,
        "keepalives_count": 3,
    }
