"""What runs in the background, as the elected process tells it."""

from controlplane.store.dialect import Dialect


def statements(sql: Dialect) -> list[str]:
    return [sql.translate(_JOBS)]


_JOBS = """
    CREATE TABLE jobs (
        name TEXT PRIMARY KEY,
        does TEXT NOT NULL,
        every_seconds INTEGER NOT NULL,
        next_at TEXT NOT NULL,
        node TEXT NOT NULL,
        process INTEGER NOT NULL,
        ran_at TEXT,
        succeeded_at TEXT,
        failures INTEGER NOT NULL,
        failed_at TEXT,
        failure TEXT
    )
"""
