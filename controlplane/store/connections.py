"""Connections to PostgreSQL: a bounded number, each lent for a transaction."""

import logging
import time
from contextlib import suppress
from threading import Lock
from typing import Any

import psycopg
from psycopg_pool import ConnectionPool, PoolTimeout

from controlplane.store.database import WAIT_SECONDS

Connection = psycopg.Connection[Any]
Cursor = psycopg.Cursor[Any]

_LOOK_SECONDS = 0.05  # for whether the connection that is waited for cannot be made
_DURABLE = """
    SELECT set_config('synchronous_commit', 'on', false)
    WHERE current_setting('synchronous_commit') NOT IN ('on', 'remote_apply')
"""

# What the pool says of outages, with hosts and users, stands in our own log.
logging.getLogger("psycopg.pool").setLevel(logging.CRITICAL)


class Connections:
    """The pool opens with its first use, in the process that uses it."""

    def __init__(self, most: int, parameters: dict[str, Any]) -> None:
        """`parameters`: as libpq has them."""
        self._most = most
        # No plan is kept that was made when a table was small, but where it is asked for.
        self._parameters = parameters | {"autocommit": True, "prepare_threshold": None}
        self._pool: ConnectionPool[Connection] | None = None
        self._opening = Lock()
        self._lent: set[Connection] = set()
        self._failure: psycopg.Error | None = None  # of the latest attempt to connect

    def borrow(self, statement: str) -> tuple[Connection, Cursor]:
        """A connection, and what came of the first thing that it was asked. That is something
        harmless: if the connection turns out to be broken, it is asked of another.

        Raises psycopg.Error; within about WAIT_SECONDS if there is no connection to be had.
        """
        deadline = time.monotonic() + WAIT_SECONDS
        broken = 0
        while True:
            connection = self._take(deadline)
            try:
                return connection, connection.execute(statement, prepare=False)
            except BaseException as error:
                is_broken = isinstance(error, psycopg.Error) and connection.broken
                self.give_back(connection)
                broken += 1
                if not is_broken or broken > self._most:
                    raise

    def give_back(self, connection: Connection) -> None:
        """Rolls back what is open on it. Raises nothing: what was done with it is done."""
        self._lent.discard(connection)
        pool = self._pool
        try:
            if pool is None:
                connection.close()
            else:
                pool.putconn(connection)
        except Exception:  # noqa: BLE001  # such as of a pool that was closed meanwhile
            with suppress(Exception):
                connection.close()

    def close(self) -> None:
        with self._opening:
            pool, self._pool = self._pool, None
        if pool is not None:
            with suppress(Exception):
                pool.close()

    def _take(self, deadline: float) -> Connection:
        pool, before = self._opened(), self._failure
        while True:
            left = deadline - time.monotonic()
            try:
                connection = pool.getconn(timeout=min(left, _LOOK_SECONDS))
            except PoolTimeout:
                # The pool would go on trying to connect: who waits here is told, unless one that
                # is in use will come back.
                failure = self._failure if self._failure is not before else None
                if failure is not None and not self._lent:
                    raise failure from None
                if left <= _LOOK_SECONDS:
                    busy = PoolTimeout(f"all {self._most} connections are in use")
                    raise failure or busy from None
            else:
                self._lent.add(connection)
                return connection

    def _opened(self) -> ConnectionPool[Connection]:
        with self._opening:
            if self._pool is None:
                self._pool = ConnectionPool(
                    kwargs=self._parameters,
                    connection_class=self._reporting(),
                    configure=_make_durable,
                    min_size=0,
                    max_size=self._most,
                    reconnect_timeout=0,
                    num_workers=1,
                    open=True,
                )
            return self._pool

    def _reporting(self) -> type[Connection]:
        """The pool connects in a thread of its own, and keeps what it hears to itself."""
        connections = self

        class Reporting(psycopg.Connection[Any]):
            @classmethod
            def connect(cls, *arguments: Any, **parameters: Any) -> "Reporting":
                try:
                    return super().connect(*arguments, **parameters)
                except psycopg.Error as error:
                    connections._failure = error
                    raise

        return Reporting


def _make_durable(connection: Connection) -> None:
    """Never weaker than a commit that is synced here, whatever the role has by default."""
    connection.execute(_DURABLE)
