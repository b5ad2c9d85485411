"""A clock that jumped ahead, wrote rows, and came back: that an admin accepted it."""

from controlplane.store.dialect import Dialect


def statements(sql: Dialect) -> list[str]:
    return [sql.translate(_ACCEPTED)]


# The last time only. `rows_at`: of the last row then, ahead of `accepted_at`, what the clock said.
_ACCEPTED = """
    CREATE TABLE accepted_clock (
        id INTEGER PRIMARY KEY CHECK (id = 1),
        accepted_at TEXT NOT NULL,
        rows_at TEXT NOT NULL
    )
"""
