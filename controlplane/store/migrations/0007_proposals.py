"""Proposals, and decisions on them."""

from collections.abc import Iterable

from controlplane.store.dialect import Dialect


def statements(sql: Dialect) -> list[str]:
    return [*map(sql.translate, _TABLES), *_triggers(sql)]


def _triggers(sql: Dialect) -> Iterable[str]:
    """As of requests: what was decided stays decided, whoever writes to the database."""
    for table in ("proposal_decisions", "proposals"):
        message = f"{table} are never deleted"
        yield sql.refuse(f"{table}_never_deleted", "DELETE", table, message)
        if sql.name == "postgresql":
            yield sql.refuse(f"{table}_never_truncated", "TRUNCATE", table, message)
    yield sql.refuse("proposal_decisions_never_updated", "UPDATE", "proposal_decisions", _DECIDED)
    changed = " OR ".join(f"NEW.{name} IS DISTINCT FROM OLD.{name}" for name in _FIXED.split())
    ended_before = f"OLD.ended IS NOT NULL OR {changed}"
    yield sql.refuse("proposals_end_once", "UPDATE", "proposals", _ENDED, ended_before)
    if sql.name == "sqlite":
        # For a connection without recursive_triggers, in which REPLACE fires no DELETE.
        for table, key, message in (
            ("proposal_decisions", ("proposal_id", "step", "approver"), _DECIDED),
            ("proposals", ("id",), _ENDED),
        ):
            same = " AND ".join(f"{column} = NEW.{column}" for column in key)
            yield sql.refuse(
                f"{table}_never_replaced_by_{key[0]}",
                "INSERT",
                table,
                message,
                f"EXISTS (SELECT 1 FROM {table} WHERE {same})",  # noqa: S608  # our own names
            )


_DECIDED = "decisions are never changed"
_ENDED = "a proposal is only ended, and once"
_FIXED = "id action object signer proposer consent details change rests_on created_at expires_at"

# Without rowid: nothing can be replaced by another key than the one that the triggers guard.
_TABLES = [
    """
    CREATE TABLE proposals (
        id TEXT PRIMARY KEY,
        action TEXT NOT NULL,
        object TEXT NOT NULL,
        signer TEXT REFERENCES signers (name),
        proposer TEXT NOT NULL REFERENCES identities (name),
        consent TEXT NOT NULL,
        details TEXT NOT NULL,
        change TEXT NOT NULL,
        rests_on TEXT NOT NULL,
        created_at TEXT NOT NULL,
        expires_at TEXT NOT NULL,
        ended TEXT,
        ended_at TEXT,
        ended_by TEXT REFERENCES identities (name),
        comment TEXT,
        CHECK ((ended IS NULL) = (ended_at IS NULL) AND (ended IS NULL) = (ended_by IS NULL)),
        CHECK (ended IS NULL OR ended IN ('approved', 'rejected', 'cancelled')),
        CHECK (comment IS NULL OR (ended IS NOT NULL AND ended = 'rejected'))
    ) WITHOUT ROWID
    """,
    "CREATE INDEX proposals_signer ON proposals (signer, id)",
    "CREATE INDEX proposals_proposer ON proposals (proposer, id)",
    "CREATE INDEX proposals_pending ON proposals (proposer, id) WHERE ended IS NULL",
    """
    CREATE TABLE proposal_approvers (
        proposal_id TEXT NOT NULL REFERENCES proposals (id),
        identity TEXT NOT NULL REFERENCES identities (name),
        PRIMARY KEY (proposal_id, identity)
    )
    """,
    "CREATE INDEX proposal_approvers_identity ON proposal_approvers (identity, proposal_id)",
    """
    CREATE TABLE proposal_decisions (
        proposal_id TEXT NOT NULL REFERENCES proposals (id),
        step INTEGER NOT NULL,
        approver TEXT NOT NULL REFERENCES identities (name),
        verdict TEXT NOT NULL,
        comment TEXT,
        at TEXT NOT NULL,
        PRIMARY KEY (proposal_id, step, approver)
    ) WITHOUT ROWID
    """,
]
