"""Whether the end of the log is noted outside of the store, and which instances it went on from."""

from controlplane.store.dialect import Dialect


def statements(sql: Dialect) -> list[str]:
    return [sql.translate(statement) for statement in _STATEMENTS]


_STATEMENTS = [
    "ALTER TABLE installation ADD COLUMN anchored_at TEXT",
    "ALTER TABLE installation ADD COLUMN former_instances TEXT",
]
