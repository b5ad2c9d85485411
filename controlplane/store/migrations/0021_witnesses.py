"""Witnesses of the log, and how it goes with each."""

from controlplane.store.dialect import Dialect


def statements(sql: Dialect) -> list[str]:
    return [sql.translate(statement) for statement in _STATEMENTS]


_STATEMENTS = [
    """
    CREATE TABLE witnesses (
        id TEXT PRIMARY KEY,
        url TEXT NOT NULL,
        key TEXT NOT NULL UNIQUE,
        created_at TEXT NOT NULL
    )
    """,
    # No part of what decisions rest on: a cosignature proves itself.
    """
    CREATE TABLE witness_standings (
        witness_id TEXT PRIMARY KEY,
        note TEXT,
        line TEXT,
        signed_at TEXT,
        succeeded_at TEXT,
        failed_at TEXT,
        failure TEXT
    )
    """,
]
