"""What admins set for the whole installation."""

from controlplane.store.dialect import Dialect


def statements(sql: Dialect) -> list[str]:
    # Those that were set; text, as they were written.
    return [sql.translate("CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL)")]
