"""What no signature over HTTP can be faster than: the parts that each one is made of."""

import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA256

from bench.rate import Rate
from controlplane.store.sqlite import SqliteStore

_DIGEST = bytes(range(32))


def raw_signature(key: str) -> Callable[[], object]:
    """`cryptography` in this process, one core."""
    hashed = Prehashed(SHA256())
    if key == "p256":
        curve = ec.generate_private_key(ec.SECP256R1())
        return lambda: curve.sign(_DIGEST, ec.ECDSA(hashed))
    modulus = rsa.generate_private_key(65537, 3072)
    return lambda: modulus.sign(_DIGEST, padding.PKCS1v15(), hashed)


def synced_commit(scratch: Path) -> Callable[[], object]:
    """One row of the size of an audit row, committed and synced with the control plane's settings
    of SQLite."""
    store = SqliteStore(scratch / "commit.db")
    with store.prepare():
        database = store.connect()
    database.execute_sql("CREATE TABLE rows (row BLOB)")  # type: ignore[no-untyped-call]
    connection: sqlite3.Connection = database.connection()  # type: ignore[no-untyped-call]

    def commit() -> None:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("INSERT INTO rows VALUES (?)", (bytes(1024),))
        connection.execute("COMMIT")

    return commit


def repeat(call: Callable[[], object], seconds: float) -> Rate:
    """One thread, for a while."""
    call()
    taken: list[int] = []
    now = time.perf_counter_ns()
    end = now + int(seconds * 1e9)
    while now < end:
        call()
        before, now = now, time.perf_counter_ns()
        taken.append(now - before)
    return Rate.of(len(taken), len(taken) * 1e9 / sum(taken), taken)
