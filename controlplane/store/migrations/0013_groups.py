"""Groups of users, and where they are named. The views have who is meant: whoever is named alone,
and each user of a group that is."""

from controlplane.store.dialect import Dialect


def statements(sql: Dialect) -> list[str]:
    return [sql.translate(statement) for statement in _STATEMENTS]


_STATEMENTS = [
    """
    CREATE TABLE groups (
        id TEXT PRIMARY KEY,
        name TEXT NOT NULL UNIQUE,
        created_at TEXT NOT NULL
    )
    """,
    """
    CREATE TABLE group_users (
        group_id TEXT NOT NULL REFERENCES groups (id),
        identity_id TEXT NOT NULL REFERENCES identities (id),
        added_at TEXT NOT NULL,
        PRIMARY KEY (group_id, identity_id)
    )
    """,
    "CREATE INDEX group_users_identity ON group_users (identity_id)",
    """
    CREATE TABLE group_members (
        signer_id TEXT NOT NULL REFERENCES signers (id),
        group_id TEXT NOT NULL REFERENCES groups (id),
        role TEXT NOT NULL,
        added_at TEXT NOT NULL,
        PRIMARY KEY (signer_id, group_id)
    )
    """,
    "CREATE INDEX group_members_group ON group_members (group_id)",
    """
    CREATE TABLE policy_groups (
        policy_id TEXT NOT NULL REFERENCES policies (id),
        group_id TEXT NOT NULL REFERENCES groups (id),
        PRIMARY KEY (policy_id, group_id)
    )
    """,
    "CREATE INDEX policy_groups_group ON policy_groups (group_id)",
    """
    CREATE VIEW memberships AS
    SELECT signer_id, identity_id, NULL AS group_id, role FROM members
    UNION ALL
    SELECT named.signer_id, users.identity_id, named.group_id, named.role
    FROM group_members AS named
    JOIN group_users AS users ON users.group_id = named.group_id
    """,
    """
    CREATE VIEW policy_people AS
    SELECT policy_id, identity FROM policy_approvers
    UNION ALL
    SELECT named.policy_id, identities.name
    FROM policy_groups AS named
    JOIN group_users AS users ON users.group_id = named.group_id
    JOIN identities ON identities.id = users.identity_id
    """,
]
