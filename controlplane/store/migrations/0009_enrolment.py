"""Codes for one use, which get their holders API keys, and with which credential a decision was
made."""

from controlplane.store.dialect import Dialect


def statements(sql: Dialect) -> list[str]:
    return [sql.translate(statement) for statement in _STATEMENTS]


_STATEMENTS = [
    # `allowed_addresses`: CIDRs with blanks between them; `ended_at`: used, or void.
    """
    CREATE TABLE enrolments (
        id TEXT PRIMARY KEY,
        identity_id TEXT NOT NULL REFERENCES identities (id),
        hash BLOB NOT NULL UNIQUE,
        created_at TEXT NOT NULL,
        expires_at TEXT NOT NULL,
        issued_by TEXT NOT NULL REFERENCES identities (name),
        key_lifetime_seconds INTEGER,
        allowed_addresses TEXT NOT NULL,
        ended_at TEXT,
        proposal TEXT REFERENCES proposals (id),
        api_key_id TEXT REFERENCES api_keys (id)
    )
    """,
    "CREATE INDEX enrolments_identity ON enrolments (identity_id)",
    "ALTER TABLE decisions ADD COLUMN credential TEXT",  # JSON; null: not noted
    "ALTER TABLE proposal_decisions ADD COLUMN credential TEXT",
]
