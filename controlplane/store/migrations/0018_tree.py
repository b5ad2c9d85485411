"""The log as a Merkle tree: what it is made of in the head, its full tiles, the keys that sign it.

A log from before gets its tree when a server starts (`service.growing`).
"""

from controlplane.store.dialect import Dialect


def statements(sql: Dialect) -> list[str]:
    said = "tiles are immutable"
    guards = [
        sql.refuse("tiles_never_updated", "UPDATE", "tiles", said),
        sql.refuse("tiles_never_deleted", "DELETE", "tiles", said),
    ]
    if sql.name == "postgresql":
        guards.append(sql.refuse("tiles_never_truncated", "TRUNCATE", "tiles", said))
    return [*(sql.translate(statement) for statement in _STATEMENTS), *guards]


_STATEMENTS = [
    "ALTER TABLE audit_head ADD COLUMN size BIGINT NOT NULL DEFAULT 0",
    "ALTER TABLE audit_head ADD COLUMN frontier BLOB",
    # The root stands first, for it is read without the rest of the row.
    """
    CREATE TABLE tiles (
        level BIGINT NOT NULL,
        position BIGINT NOT NULL,
        root BLOB NOT NULL,
        hashes BLOB NOT NULL,
        PRIMARY KEY (level, position)
    )
    """,
    """
    CREATE TABLE log_keys (
        id TEXT PRIMARY KEY,
        instance TEXT NOT NULL UNIQUE,
        origin TEXT UNIQUE,
        public_key BLOB NOT NULL,
        handle BLOB,
        created_at TEXT NOT NULL,
        begun_at TEXT,
        ended_at TEXT
    )
    """,
    # The last one that was published.
    """
    CREATE TABLE checkpoints (
        id INTEGER PRIMARY KEY CHECK (id = 1),
        note TEXT NOT NULL,
        published_at TEXT NOT NULL
    )
    """,
]
