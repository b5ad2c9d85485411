"""Policies, requests, decisions on them, and grants."""

STATEMENTS = [
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
        grant_id TEXT
    )
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
    )
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
        revoke_reason TEXT
    )
    """,
    "CREATE INDEX grants_signer ON grants (signer, grantee, id)",
    "CREATE INDEX grants_grantee ON grants (grantee, id)",
    # What was decided stays decided, whoever writes to the database.
    """
    CREATE TRIGGER decisions_never_updated BEFORE UPDATE ON decisions
    BEGIN SELECT RAISE(ABORT, 'decisions are never changed'); END
    """,
    """
    CREATE TRIGGER decisions_never_deleted BEFORE DELETE ON decisions
    BEGIN SELECT RAISE(ABORT, 'decisions are never deleted'); END
    """,
    """
    CREATE TRIGGER requests_end_once BEFORE UPDATE ON requests
    WHEN OLD.ended IS NOT NULL OR NEW.id IS NOT OLD.id OR NEW.signer IS NOT OLD.signer
        OR NEW.requester IS NOT OLD.requester OR NEW.policy_id IS NOT OLD.policy_id
        OR NEW.policy IS NOT OLD.policy OR NEW.terms IS NOT OLD.terms
        OR NEW.justification IS NOT OLD.justification
        OR NEW.window_seconds IS NOT OLD.window_seconds OR NEW.signings IS NOT OLD.signings
        OR NEW.created_at IS NOT OLD.created_at OR NEW.expires_at IS NOT OLD.expires_at
    BEGIN SELECT RAISE(ABORT, 'a request is only ended, and once'); END
    """,
    """
    CREATE TRIGGER requests_never_deleted BEFORE DELETE ON requests
    BEGIN SELECT RAISE(ABORT, 'requests are never deleted'); END
    """,
    """
    CREATE TRIGGER grants_only_used_or_revoked BEFORE UPDATE ON grants
    WHEN OLD.revoked_at IS NOT NULL OR NEW.used < OLD.used OR NEW.id IS NOT OLD.id
        OR NEW.signer IS NOT OLD.signer OR NEW.grantee IS NOT OLD.grantee
        OR NEW.policy_id IS NOT OLD.policy_id OR NEW.policy IS NOT OLD.policy
        OR NEW.hashes IS NOT OLD.hashes OR NEW.justification IS NOT OLD.justification
        OR NEW.request_id IS NOT OLD.request_id OR NEW.issued_by IS NOT OLD.issued_by
        OR NEW.not_before IS NOT OLD.not_before OR NEW.not_after IS NOT OLD.not_after
        OR NEW.max_signings IS NOT OLD.max_signings
    BEGIN SELECT RAISE(ABORT, 'a grant is only used up or revoked'); END
    """,
    """
    CREATE TRIGGER grants_never_deleted BEFORE DELETE ON grants
    BEGIN SELECT RAISE(ABORT, 'grants are never deleted'); END
    """,
    # And for a connection without the pragma recursive_triggers, in which REPLACE fires no DELETE.
    """
    CREATE TRIGGER decisions_never_replaced BEFORE INSERT ON decisions
    WHEN EXISTS (
        SELECT 1 FROM decisions
        WHERE request_id = NEW.request_id AND step = NEW.step AND approver = NEW.approver
    )
    BEGIN SELECT RAISE(ABORT, 'decisions are never changed'); END
    """,
    """
    CREATE TRIGGER requests_never_replaced BEFORE INSERT ON requests
    WHEN EXISTS (SELECT 1 FROM requests WHERE id = NEW.id)
    BEGIN SELECT RAISE(ABORT, 'a request is only ended, and once'); END
    """,
    """
    CREATE TRIGGER grants_never_replaced BEFORE INSERT ON grants
    WHEN EXISTS (SELECT 1 FROM grants WHERE id = NEW.id OR request_id = NEW.request_id)
    BEGIN SELECT RAISE(ABORT, 'a grant is only used up or revoked'); END
    """,
]
