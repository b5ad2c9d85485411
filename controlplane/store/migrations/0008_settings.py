"""What admins set for the whole installation."""

from controlplane.store.dialect import Dialect


def statements(sql: Dialect) -> list[str]:
    return [sql.translate(_SETTINGS)]


# Those that were set; text, as they were written. `before`: what was in effect until `set_at`.
_SETTINGS = """
    CREATE TABLE settings (
        name TEXT PRIMARY KEY,
        value TEXT NOT NULL,
        before TEXT NOT NULL,
        set_at TEXT NOT NULL
    )
"""
