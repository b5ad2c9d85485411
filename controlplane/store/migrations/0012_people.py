"""Machines that change hands, addresses of people, and approvals that are withdrawn."""

from collections.abc import Iterable

from controlplane.store.dialect import Dialect


def statements(sql: Dialect) -> list[str]:
    return [
        *map(sql.translate, _COLUMNS),
        *_let_be_withdrawn(sql, "decisions", "request_id step approver"),
        *_let_be_withdrawn(sql, "proposal_decisions", "proposal_id step approver"),
    ]


def _let_be_withdrawn(sql: Dialect, table: str, key: str) -> Iterable[str]:
    """Approvals; and only what was withdrawn gives way to another decision."""
    is_withdrawn = (
        "OLD.verdict = 'approved' AND OLD.withdrawn_at IS NULL AND NEW.withdrawn_at IS NOT NULL "
        f"AND {_is_same(f'{key} verdict comment at')}"
    )
    is_decided_anew = (
        f"OLD.withdrawn_at IS NOT NULL AND NEW.withdrawn_at IS NULL AND {_is_same(key)}"
    )
    yield f"ALTER TABLE {table} ADD COLUMN withdrawn_at {sql.translate('TEXT')}"
    yield f"DROP TRIGGER IF EXISTS {table}_never_updated" + (
        f" ON {table}" if sql.name == "postgresql" else ""
    )
    yield f"CREATE INDEX {table}_counting ON {table} (approver) WHERE withdrawn_at IS NULL"
    yield sql.refuse(
        f"{table}_only_withdrawn",
        "UPDATE",
        table,
        "an approval is only withdrawn, and only then decided anew",
        f"NOT ({is_withdrawn}) AND NOT ({is_decided_anew})",
    )


def _is_same(columns: str) -> str:
    return " AND ".join(f"NEW.{name} IS NOT DISTINCT FROM OLD.{name}" for name in columns.split())


_COLUMNS = [
    # The user who is to own the machine, until they accept it.
    "ALTER TABLE identities ADD COLUMN proposed_owner TEXT REFERENCES identities (name)",
    "ALTER TABLE identities ADD COLUMN email TEXT",
    "CREATE INDEX identities_owner ON identities (owner)",
    "CREATE INDEX identities_proposed_owner ON identities (proposed_owner)",
]
