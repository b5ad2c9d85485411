"""A head that says what the state is, and rows that say which objects a change left."""

from secrets import token_hex

from controlplane.store.dialect import Dialect


def statements(sql: Dialect) -> list[str]:
    return [sql.translate(statement) for statement in _STATEMENTS]


_STATEMENTS = [
    f"ALTER TABLE installation ADD COLUMN instance TEXT NOT NULL DEFAULT '{token_hex(16)}'",
    "ALTER TABLE operations ADD COLUMN objects TEXT",
    "CREATE INDEX operations_objects ON operations (sequence) WHERE objects IS NOT NULL",
    # When the last row was written; the last that changed an object; signings under grants, ever.
    "ALTER TABLE audit_head ADD COLUMN at TEXT",
    "ALTER TABLE audit_head ADD COLUMN changed BIGINT NOT NULL DEFAULT 0",
    "ALTER TABLE audit_head ADD COLUMN used BIGINT NOT NULL DEFAULT 0",
    "ALTER TABLE audit_head ADD COLUMN link BLOB",  # a chain over the hashes of all rows
    "ALTER TABLE audit_head ADD COLUMN root BLOB",
    """
    UPDATE audit_head SET at = (
        SELECT created_at FROM operations WHERE operations.sequence = audit_head.sequence
    )
    """,
]
