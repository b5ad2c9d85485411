"""What the holders of API keys are told of: rows about their identities, each key for itself."""

from controlplane.store.dialect import Dialect


def statements(sql: Dialect) -> list[str]:
    return [sql.translate(statement) for statement in _STATEMENTS]


_STATEMENTS = [
    "CREATE INDEX operations_object ON operations (object, sequence) WHERE object IS NOT NULL",
    # Apart from the keys, which decisions rest on. What came before is no news.
    """
    CREATE TABLE notices_seen (
        api_key_id TEXT PRIMARY KEY REFERENCES api_keys (id),
        sequence INTEGER NOT NULL
    )
    """,
    """
    INSERT INTO notices_seen (api_key_id, sequence)
    SELECT api_keys.id, audit_head.sequence FROM api_keys CROSS JOIN audit_head
    """,
]
