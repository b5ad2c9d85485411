"""Policies, requests, decisions on them, and grants."""

from collections.abc import Iterable

from controlplane.store.dialect import Dialect


def statements(sql: Dialect) -> list[str]:
    return [*map(sql.translate, _TABLES), *_triggers(sql)]


def _triggers(sql: Dialect) -> Iterable[str]:
    """What was decided stays decided, whoever writes to the database."""
    kept = ("decisions", "requests", "grants")
    for table in kept:
        message = f"{table} are never deleted"
        yield sql.refuse(f"{table}_never_deleted", "DELETE", table, message)
        if sql.name == "postgresql":
            yield sql.refuse(f"{table}_never_truncated", "TRUNCATE", table, message)
    yield sql.refuse("decisions_never_updated", "UPDATE", "decisions", _DECIDED)
    yield sql.refuse(
        "requests_end_once",
        "UPDATE",
        "requests",
        _ENDED,
        f"OLD.ended IS NOT NULL OR {_is_changed(_OF_A_REQUEST)}",
    )
    yield sql.refuse(
        "grants_only_used_or_revoked",
        "UPDATE",
        "grants",
        _GRANTED,
        f"OLD.revoked_at IS NOT NULL OR NEW.used < OLD.used OR {_is_changed(_OF_A_GRANT)}",
    )
    if sql.name == "sqlite":
        # For a connection without recursive_triggers, in which REPLACE fires no DELETE.
        for table, key, message in (
            ("decisions", ("request_id", "step", "approver"), _DECIDED),
            ("requests", ("id",), _ENDED),
            ("grants", ("id",), _GRANTED),
            ("grants", ("request_id",), _GRANTED),
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
_ENDED = "a request is only ended, and once"
_GRANTED = "a grant is only used up or revoked"
_OF_A_REQUEST = (
    "id signer requester policy_id policy terms justification window_seconds signings created_at"
    " expires_at"
)
_OF_A_GRANT = (
    "id signer grantee policy_id policy hashes justification request_id issued_by not_before"
    " not_after max_signings"
)


def _is_changed(columns: str) -> str:
    return " OR ".join(f"NEW.{name} IS DISTINCT FROM OLD.{name}" for name in columns.split())


# Without rowid: nothing can be replaced by another key than the one that the triggers guard.
_TABLES = [
    """
    CREATE TABLE policies (
        id TEXT PRIMARY KEY,
        name TEXT NOT NULL UNIQUE,
        terms TEXT NOT NULL,
        created_at TEXT NOT NULL
    )
    """,
    """
    CREATE TABLE policy_approvers (
        policy_id TEXT NOT NULL REFERENCES policies (id),
        identity TEXT NOT NULL REFERENCES identities (name),
        PRIMARY KEY (policy_id, identity)
    )
    """,
    "CREATE INDEX policy_approvers_identity ON policy_approvers (identity)",
    "ALTER TABLE signers ADD COLUMN policy_id TEXT REFERENCES policies (id)",
    "CREATE INDEX signers_policy ON signers (policy_id)",
    # No references to policies here and below: what was done under a policy outlives it.
    """
    CREATE TABLE policy_changes (
        id TEXT PRIMARY KEY,
        at TEXT NOT NULL,
        by TEXT REFERENCES identities (name),
        policy_id TEXT NOT NULL,
        policy TEXT NOT NULL,
        signer TEXT REFERENCES signers (name),
        change TEXT NOT NULL,
        what TEXT NOT NULL
    )
    """,
    "CREATE INDEX policy_changes_policy ON policy_changes (policy_id, id)",
    "CREATE INDEX policy_changes_signer ON policy_changes (signer, id)",
    """
    CREATE TABLE requests (
        id TEXT PRIMARY KEY,
        signer TEXT NOT NULL REFERENCES signers (name),
        requester TEXT NOT NULL REFERENCES identities (name),
        policy_id TEXT NOT NULL,
        policy TEXT NOT NULL,
        terms TEXT NOT NULL,
        justification TEXT NOT NULL,
        window_seconds INTEGER,
        signings INTEGER,
        created_at TEXT NOT NULL,
        expires_at TEXT,
        ended TEXT,
        ended_at TEXT,
        ended_by TEXT REFERENCES identities (name),
        comment TEXT,
        grant_id TEXT,
        CHECK ((ended IS NULL) = (ended_at IS NULL) AND (ended IS NULL) = (ended_by IS NULL)),
        CHECK (ended IS NULL OR ended IN ('approved', 'rejected', 'cancelled')),
        CHECK ((grant_id IS NULL) = (ended IS NULL OR ended <> 'approved')),
        CHECK (comment IS NULL OR (ended IS NOT NULL AND ended = 'rejected'))
    ) WITHOUT ROWID
    """,
    "CREATE INDEX requests_signer ON requests (signer, id)",
    "CREATE INDEX requests_requester ON requests (requester, id)",
    "CREATE INDEX requests_pending ON requests (signer, requester, id) WHERE ended IS NULL",
    """
    CREATE TABLE request_approvers (
        request_id TEXT NOT NULL REFERENCES requests (id),
        identity TEXT NOT NULL REFERENCES identities (name),
        PRIMARY KEY (request_id, identity)
    )
    """,
    "CREATE INDEX request_approvers_identity ON request_approvers (identity, request_id)",
    """
    CREATE TABLE decisions (
        request_id TEXT NOT NULL REFERENCES requests (id),
        step INTEGER NOT NULL,
        approver TEXT NOT NULL REFERENCES identities (name),
        verdict TEXT NOT NULL,
        comment TEXT,
        at TEXT NOT NULL,
        PRIMARY KEY (request_id, step, approver)
    ) WITHOUT ROWID
    """,
    """
    CREATE TABLE grants (
        id TEXT PRIMARY KEY,
        signer TEXT NOT NULL REFERENCES signers (name),
        grantee TEXT NOT NULL REFERENCES identities (name),
        policy_id TEXT NOT NULL,
        policy TEXT NOT NULL,
        hashes TEXT NOT NULL,
        justification TEXT NOT NULL,
        request_id TEXT UNIQUE REFERENCES requests (id),
        issued_by TEXT REFERENCES identities (name),
        not_before TEXT NOT NULL,
        not_after TEXT,
        max_signings INTEGER,
        used INTEGER NOT NULL CHECK (used >= 0 AND (max_signings IS NULL OR used <= max_signings)),
        revoked_at TEXT,
        revoked_by TEXT REFERENCES identities (name),
        revoke_reason TEXT,
        CHECK ((revoked_at IS NULL) = (revoked_by IS NULL)),
        CHECK ((revoked_at IS NULL) = (revoke_reason IS NULL))
    ) WITHOUT ROWID
    """,
    "CREATE INDEX grants_signer ON grants (signer, grantee, id)",
    "CREATE INDEX grants_grantee ON grants (grantee, id)",
]
