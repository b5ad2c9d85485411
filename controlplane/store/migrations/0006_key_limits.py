"""API keys that end, that work from some addresses only, that say who issued them, and when they
were used last."""

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
    # Apart from the keys, which decisions rest on. `used_from` null: not known.
    """
    CREATE TABLE api_key_uses (
        api_key_id TEXT PRIMARY KEY REFERENCES api_keys (id),
        used_on TEXT NOT NULL,
        used_from TEXT
    )
    """,
]
