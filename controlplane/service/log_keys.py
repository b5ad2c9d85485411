"""The key that signs checkpoints: one for each instance of the store, so that a store which was
restored never signs again as the log that it was."""

from dataclasses import dataclass
from datetime import datetime

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key
from peewee import Database

from controlplane.audit.note import verifier_key
from controlplane.domain.action import Action
from controlplane.domain.instant import now
from controlplane.domain.keys import Purpose
from controlplane.domain.log_key import LogKey
from controlplane.domain.model import KeyAlgorithm
from controlplane.keys.backend import KeyBackend
from controlplane.service.changes import record
from controlplane.store import log_keys
from controlplane.store.database import Store
from controlplane.store.state import altered
from controlplane.store.transaction import transaction_of


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """`text`: as verifiers take it (C2SP signed-note)."""

    log_key: LogKey
    text: str


class LogKeys:
    def __init__(self, store: Store) -> None:
        self._store = store

    def list(self) -> tuple[VerifierKey, ...]:
        """The one that signs, then those that did; of these only the ones that were used. For
        everybody who may call: whoever verifies needs them."""
        with self._store.read() as database:
            return tuple(
                VerifierKey(each, verifier_key(each.origin, _raw(each.key.public_key)))
                for each in log_keys.list_all(database)
                if each.ended_at is None or each.begun_at is not None
            )


def create_log_key(database: Database, keys: KeyBackend, instance: str, at: datetime) -> None:
    """Within a write."""
    key = keys.generate(KeyAlgorithm.ED25519, instance, Purpose.LOG)
    log_keys.insert(database, key, at)


def provide_log_key(store: Store, keys: KeyBackend) -> None:
    """Before a server starts. A new one leaves a row, and ends the one before."""
    with store.read() as database:
        if _find_current(database) is not None:
            return
    with store.change() as database:
        if _find_current(database) is not None:  # another server was first
            return
        at, instance = now(), transaction_of(database).root.instance
        log_keys.end_all(database, at)
        create_log_key(database, keys, instance, at)
        record(database, None, Action.LOG_KEY, instance, at=at)


def read_current(database: Database) -> LogKey:
    """Raises Altered."""
    found = _find_current(database)
    if found is None:
        raise altered("log_keys")
    return found


def _find_current(database: Database) -> LogKey | None:
    instance = transaction_of(database).root.instance
    for each in log_keys.list_all(database):
        if each.instance == instance and each.ended_at is None:
            return each
    return None


def _raw(public_key: bytes) -> bytes:
    """32 octets, of a DER SubjectPublicKeyInfo."""
    key = load_der_public_key(public_key)
    if not isinstance(key, Ed25519PublicKey):
        raise TypeError("a log's key is of Ed25519")
    return key.public_bytes_raw()
