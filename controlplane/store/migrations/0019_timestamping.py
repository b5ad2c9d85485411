"""The keys that timestamps are made with."""

from controlplane.store.dialect import Dialect


def statements(sql: Dialect) -> list[str]:
    return [sql.translate(_TIMESTAMPING)]


# `role`: authority, or unit, of which the newest signs.
_TIMESTAMPING = """
    CREATE TABLE timestamping (
        id TEXT PRIMARY KEY,
        role TEXT NOT NULL,
        certificate BLOB NOT NULL,
        public_key BLOB NOT NULL,
        handle BLOB,
        created_at TEXT NOT NULL
    )
"""
