"""Machines that change hands, addresses of people, and approvals that are withdrawn."""

from controlplane.store.dialect import Dialect


def statements(sql: Dialect) -> list[str]:
    on = " ON decisions" if sql.name == "postgresql" else ""
    return [
        *map(sql.translate, _COLUMNS),
        f"DROP TRIGGER decisions_never_updated{on}",
        sql.refuse(
            "decisions_only_withdrawn",
            "UPDATE",
            "decisions",
            "an approval is only withdrawn, and only then decided anew",
            f"NOT ({_IS_WITHDRAWN}) AND NOT ({_IS_DECIDED_ANEW})",
        ),
    ]


def _is_same(columns: str) -> str:
    return " AND ".join(f"NEW.{name} IS NOT DISTINCT FROM OLD.{name}" for name in columns.split())


_COLUMNS = [
    # The user who is to own the machine, until they accept it.
    "ALTER TABLE identities ADD COLUMN proposed_owner TEXT REFERENCES identities (name)",
    "ALTER TABLE identities ADD COLUMN email TEXT",
    "CREATE INDEX identities_owner ON identities (owner)",
    "CREATE INDEX identities_proposed_owner ON identities (proposed_owner)",
    "ALTER TABLE decisions ADD COLUMN withdrawn_at TEXT",
]
_KEY = "request_id step approver"
_IS_WITHDRAWN = (
    "OLD.verdict = 'approved' AND OLD.withdrawn_at IS NULL AND NEW.withdrawn_at IS NOT NULL AND "
    + _is_same(f"{_KEY} verdict comment at")
)
_IS_DECIDED_ANEW = "OLD.withdrawn_at IS NOT NULL AND NEW.withdrawn_at IS NULL AND " + _is_same(_KEY)
