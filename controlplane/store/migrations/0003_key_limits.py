"""API keys that end, that work from some addresses only, and that say who issued them."""

from controlplane.store.dialect import Dialect


def statements(sql: Dialect) -> list[str]:
    return [sql.translate(statement) for statement in _STATEMENTS]


_STATEMENTS = [
    "ALTER TABLE api_keys ADD COLUMN expires_at TEXT",
    # CIDRs with blanks between them; none: from everywhere.
    "ALTER TABLE api_keys ADD COLUMN allowed_addresses TEXT NOT NULL DEFAULT ''",
    # A name; null where nobody noted it, and for keys made on the server's own machine.
    "ALTER TABLE api_keys ADD COLUMN issued_by TEXT REFERENCES identities (name)",
    "ALTER TABLE api_keys ADD COLUMN enrolled BOOLEAN NOT NULL DEFAULT FALSE",
]
