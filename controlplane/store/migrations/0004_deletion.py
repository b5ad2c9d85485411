"""A signer that is to be deleted, and until when that can be taken back."""

from controlplane.store.dialect import Dialect


def statements(sql: Dialect) -> list[str]:
    return [sql.translate(statement) for statement in _STATEMENTS]


_STATEMENTS = [
    "ALTER TABLE signers RENAME COLUMN deleted_at TO deletes_at",
    "CREATE INDEX signers_deletes ON signers (deletes_at) WHERE deletes_at IS NOT NULL",
]
