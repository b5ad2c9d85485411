"""The first schema."""

from controlplane.store.dialect import Dialect


def statements(sql: Dialect) -> list[str]:
    tables = [sql.translate(statement) for statement in _TABLES]
    never = [
        sql.refuse(
            "operations_never_updated", "UPDATE", "operations", "operations are never changed"
        ),
        # On SQLite also for the row that INSERT OR REPLACE displaces (recursive_triggers).
        sql.refuse(
            "operations_never_deleted", "DELETE", "operations", "operations are never deleted"
        ),
        sql.refuse(
            "audit_head_never_deleted",
            "DELETE",
            "audit_head",
            "the head of the audit log is never deleted",
        ),
    ]
    if sql.name == "sqlite":
        return [*tables, *never, _ONLY_GROW_ON_SQLITE]
    truncated = [
        sql.refuse(f"{table}_never_truncated", "TRUNCATE", table, f"{table} is never emptied")
        for table in ("operations", "audit_head")
    ]
    return [*tables, _REFUSE, *never, *truncated, *_ONLY_GROW_ON_POSTGRESQL]


# For a connection without recursive_triggers: a sequence number comes once and only grows.
_ONLY_GROW_ON_SQLITE = """
    CREATE TRIGGER operations_only_grow BEFORE INSERT ON operations
    WHEN NEW.sequence <= (SELECT COALESCE(MAX(sequence), 0) FROM operations)
        OR EXISTS (SELECT 1 FROM operations WHERE id = NEW.id)
        OR (NEW.outcome = 'succeeded' AND EXISTS (
            SELECT 1 FROM operations
            WHERE actor = NEW.actor AND idempotency_key = NEW.idempotency_key
                AND outcome = 'succeeded'
        ))
    BEGIN SELECT RAISE(ABORT, 'operations are only appended'); END
    """

_REFUSE = """
    CREATE FUNCTION sealwright_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN RAISE EXCEPTION USING MESSAGE = TG_ARGV[0]; END $$
    """

_ONLY_GROW_ON_POSTGRESQL = [
    """
    CREATE FUNCTION sealwright_only_grow() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF NEW.sequence <= (SELECT sequence FROM audit_head) THEN
            RAISE EXCEPTION 'operations are only appended';
        END IF;
        RETURN NEW;
    END $$
    """,
    """
    CREATE TRIGGER operations_only_grow BEFORE INSERT ON operations
    FOR EACH ROW EXECUTE FUNCTION sealwright_only_grow()
    """,
]

_TABLES = [
    """
    CREATE TABLE installation (
        id INTEGER PRIMARY KEY CHECK (id = 1),
        epoch BIGINT NOT NULL,
        master_key_check BLOB NOT NULL,
        created_at TEXT NOT NULL
    )
    """,
    """
    CREATE TABLE identities (
        id TEXT PRIMARY KEY,
        name TEXT NOT NULL UNIQUE,
        kind TEXT NOT NULL,
        role TEXT,
        owner TEXT REFERENCES identities (name),
        disabled BOOLEAN NOT NULL,
        created_at TEXT NOT NULL
    )
    """,
    """
    CREATE TABLE api_keys (
        id TEXT PRIMARY KEY,
        identity_id TEXT NOT NULL REFERENCES identities (id),
        hash BLOB NOT NULL UNIQUE,
        created_at TEXT NOT NULL,
        revoked_at TEXT
    )
    """,
    "CREATE INDEX api_keys_identity ON api_keys (identity_id)",
    """
    CREATE TABLE signers (
        id TEXT PRIMARY KEY,
        number INTEGER NOT NULL UNIQUE,
        name TEXT NOT NULL UNIQUE,
        key TEXT NOT NULL,
        common_name TEXT NOT NULL,
        external BOOLEAN NOT NULL,
        disabled BOOLEAN NOT NULL,
        created_at TEXT NOT NULL,
        deleted_at TEXT,
        key_id TEXT NOT NULL,
        next_key_id TEXT,
        certificate_id TEXT
    )
    """,
    """
    CREATE TABLE signer_keys (
        id TEXT PRIMARY KEY,
        signer_id TEXT NOT NULL REFERENCES signers (id),
        public_key BLOB NOT NULL,
        handle BLOB,
        created_at TEXT NOT NULL
    )
    """,
    "CREATE INDEX signer_keys_signer ON signer_keys (signer_id)",
    """
    CREATE TABLE certificates (
        id TEXT PRIMARY KEY,
        key_id TEXT NOT NULL REFERENCES signer_keys (id),
        serial TEXT NOT NULL,
        subject TEXT NOT NULL,
        issuer TEXT NOT NULL,
        not_before TEXT NOT NULL,
        not_after TEXT NOT NULL,
        der BLOB NOT NULL,
        chain TEXT NOT NULL,
        created_at TEXT NOT NULL
    )
    """,
    """
    CREATE TABLE members (
        signer_id TEXT NOT NULL REFERENCES signers (id),
        identity_id TEXT NOT NULL REFERENCES identities (id),
        role TEXT NOT NULL,
        added_at TEXT NOT NULL,
        PRIMARY KEY (signer_id, identity_id)
    )
    """,
    "CREATE INDEX members_identity ON members (identity_id)",
    """
    CREATE TABLE authorities (
        id TEXT PRIMARY KEY,
        position INTEGER NOT NULL UNIQUE,
        certificate BLOB NOT NULL,
        public_key BLOB NOT NULL,
        handle BLOB NOT NULL
    )
    """,
    """
    CREATE TABLE operations (
        sequence INTEGER PRIMARY KEY,
        id TEXT NOT NULL UNIQUE,
        created_at TEXT NOT NULL,
        kind TEXT NOT NULL,
        signer TEXT,
        actor TEXT,
        api_key_id TEXT,
        outcome TEXT,
        reason TEXT,
        scheme TEXT,
        hash TEXT,
        digest BLOB,
        pss_mgf_hash TEXT,
        pss_salt_length INTEGER,
        ecdsa_encoding TEXT,
        grant_id TEXT,
        certificate_serial TEXT,
        client TEXT,
        signature BLOB,
        action TEXT,
        object TEXT,
        details TEXT,
        idempotency_key TEXT,
        previous_hash TEXT NOT NULL,
        row_hash TEXT NOT NULL
    )
    """,
    "CREATE INDEX operations_signer ON operations (signer, sequence)",
    "CREATE INDEX operations_actor ON operations (actor, sequence)",
    """
    CREATE UNIQUE INDEX operations_idempotency ON operations (actor, idempotency_key)
    WHERE idempotency_key IS NOT NULL AND outcome = 'succeeded'
    """,
    """
    CREATE TABLE audit_head (
        id INTEGER PRIMARY KEY CHECK (id = 1),
        sequence BIGINT NOT NULL,
        row_hash TEXT NOT NULL
    )
    """,
    f"INSERT INTO audit_head (id, sequence, row_hash) VALUES (1, 0, '{'0' * 64}')",  # noqa: S608
]
