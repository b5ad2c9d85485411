"""What a rollback suspended, until an admin confirms it."""

from collections.abc import Iterable

from controlplane.store.dialect import Dialect


def statements(sql: Dialect) -> list[str]:
    tables = ("api_keys", "grants", "decisions", "proposal_decisions")
    return [
        *(f"ALTER TABLE {each} ADD COLUMN suspended_at {sql.translate('TEXT')}" for each in tables),
        *_let_be_suspended(sql, "decisions", "request_id step approver"),
        *_let_be_suspended(sql, "proposal_decisions", "proposal_id step approver"),
    ]


def _let_be_suspended(sql: Dialect, table: str, key: str) -> Iterable[str]:
    """Approvals, and confirmed again; and what is suspended gives way to another decision, as what
    was withdrawn does."""
    said = f"{key} verdict comment at credential"
    is_withdrawn = (
        "OLD.verdict = 'approved' AND OLD.withdrawn_at IS NULL AND NEW.withdrawn_at IS NOT NULL "
        f"AND {_is_same(f'{said} suspended_at')}"
    )
    is_suspended_or_confirmed = (
        "OLD.verdict = 'approved' AND (OLD.suspended_at IS NULL) <> (NEW.suspended_at IS NULL) "
        f"AND {_is_same(f'{said} withdrawn_at')}"
    )
    is_decided_anew = (
        "(OLD.withdrawn_at IS NOT NULL OR OLD.suspended_at IS NOT NULL) "
        f"AND NEW.withdrawn_at IS NULL AND NEW.suspended_at IS NULL AND {_is_same(key)}"
    )
    yield f"DROP TRIGGER {table}_only_withdrawn" + (
        f" ON {table}" if sql.name == "postgresql" else ""
    )
    allowed = (is_withdrawn, is_suspended_or_confirmed, is_decided_anew)
    yield sql.refuse(
        f"{table}_only_withdrawn",
        "UPDATE",
        table,
        "an approval is only withdrawn or suspended, and only then decided anew",
        " AND ".join(f"NOT ({each})" for each in allowed),
    )


def _is_same(columns: str) -> str:
    return " AND ".join(f"NEW.{name} IS NOT DISTINCT FROM OLD.{name}" for name in columns.split())
