"""What somebody who can write to the database does to the log: SQL for each database."""

from dataclasses import dataclass

BAD = 7
"""The sequence number of the row that is bent; there are some before it and some after."""


@dataclass(frozen=True)
class Bend:
    """`sql` runs when the triggers are gone. `expected`: the first bad row; `from_end`: counted
    from the last one as it was; None: the rows and the chain are sound, and the tree tells."""

    name: str
    expected: int | None
    sql: str
    on_sqlite: str | None = None  # where its SQL differs
    from_end: bool = False

    def statements(self, dialect: str) -> str:
        special = self.on_sqlite if dialect == "sqlite" else None
        return DROP_TRIGGERS[dialect] + (special or self.sql)


_TRIGGERS = {
    "operations": ["operations_never_updated", "operations_never_deleted", "operations_only_grow"],
    "audit_head": ["audit_head_never_deleted"],
}
DROP_TRIGGERS = {
    "sqlite": "".join(f"DROP TRIGGER {name};" for names in _TRIGGERS.values() for name in names),
    "postgresql": "".join(
        f"DROP TRIGGER {name} ON {table};" for table, names in _TRIGGERS.items() for name in names
    ),
}
_LAST = "(SELECT MAX(sequence) FROM operations)"
_CUT_TWO = f"DELETE FROM operations WHERE sequence >= {_LAST} - 1;"
_NOTE_THE_NEW_END = """
    UPDATE audit_head SET
        sequence = (SELECT MAX(sequence) FROM operations),
        row_hash = (SELECT row_hash FROM operations ORDER BY sequence DESC LIMIT 1);
"""
_COLUMNS_BUT_KEYS = """
    created_at, kind, signer, actor, api_key_id, outcome, reason, scheme, hash, digest,
    pss_mgf_hash, pss_salt_length, ecdsa_encoding, grant_id, certificate_serial, client,
    signature, action, object, details, version, credential, approvals, proposal, commitments
"""


def _copy_to(sequence: str, previous_hash: str) -> str:
    """Row BAD once more, under another number and without what must be unique."""
    return f"""
        INSERT INTO operations
            (sequence, id, {_COLUMNS_BUT_KEYS}, previous_hash, row_hash)
        SELECT {sequence}, 'copy', {_COLUMNS_BUT_KEYS}, {previous_hash}, row_hash
        FROM operations WHERE sequence = {BAD};
    """  # all of it is written here


BENDS = [
    Bend("edited", BAD, f"UPDATE operations SET actor = 'mallory' WHERE sequence = {BAD};"),
    Bend(
        "edited so that it cannot be read",
        BAD,
        f"UPDATE operations SET kind = 'nonsense', created_at = 'long ago' WHERE sequence = {BAD};",
    ),
    Bend("removed", BAD, f"DELETE FROM operations WHERE sequence = {BAD};"),
    Bend("the first one removed", 1, "DELETE FROM operations WHERE sequence = 1;"),
    Bend(
        "swapped",
        BAD,
        f"""
        UPDATE operations SET sequence = -1 WHERE sequence = {BAD};
        UPDATE operations SET sequence = {BAD} WHERE sequence = {BAD + 1};
        UPDATE operations SET sequence = {BAD + 1} WHERE sequence = -1;
        """,
    ),
    Bend(
        "duplicated",
        BAD + 1,
        f"""
        ALTER TABLE operations DROP CONSTRAINT operations_pkey,
            DROP CONSTRAINT operations_id_key;
        DROP INDEX operations_idempotency;
        INSERT INTO operations SELECT * FROM operations WHERE sequence = {BAD};
        """,
        on_sqlite=f"""
        CREATE TABLE without_keys AS SELECT * FROM operations;
        DROP TABLE operations;
        ALTER TABLE without_keys RENAME TO operations;
        INSERT INTO operations SELECT * FROM operations WHERE sequence = {BAD};
        """,
    ),
    Bend("duplicated at the end", 1, _copy_to(f"{_LAST} + 1", "previous_hash"), from_end=True),
    Bend("slipped in before the first", 1, _copy_to("0", "'" + "0" * 64 + "'")),
    Bend("the tail cut", -1, _CUT_TWO, from_end=True),
    Bend("the tail cut and its head edited", None, _CUT_TWO + _NOTE_THE_NEW_END),
    Bend("the tree edited", None, "UPDATE audit_head SET frontier = root;"),
    Bend("the head edited", 1, f"UPDATE audit_head SET row_hash = '{'1' * 64}';", from_end=True),
]
