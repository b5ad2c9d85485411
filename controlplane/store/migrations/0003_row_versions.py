"""Rows of version 2 beside those of version 1, and the approvals that a grant rests on."""

from controlplane.store.dialect import Dialect


def statements(sql: Dialect) -> list[str]:
    kept = sql.refuse(
        "grants_keep_their_approvals",
        "UPDATE",
        "grants",
        "the approvals of a grant are never changed",
        "NEW.approvals IS DISTINCT FROM OLD.approvals",
    )
    return [*map(sql.translate, _COLUMNS), kept]


_COLUMNS = [
    "ALTER TABLE operations ADD COLUMN version INTEGER NOT NULL DEFAULT 1",
    "ALTER TABLE operations ADD COLUMN credential TEXT",
    "ALTER TABLE operations ADD COLUMN approvals TEXT",
    "ALTER TABLE operations ADD COLUMN proposal TEXT",
    "ALTER TABLE operations ADD COLUMN commitments BLOB",
    "ALTER TABLE grants ADD COLUMN approvals TEXT",
]
