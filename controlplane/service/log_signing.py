"""Checkpoints of the log, signed when what they say is committed: never of rows that a rollback, or
a restore, may take back."""

from collections import OrderedDict
from threading import Lock

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from peewee import Database

from controlplane.audit.checkpoint import Checkpoint, read_checkpoint, sign_checkpoint
from controlplane.audit.note import NoteSigner
from controlplane.domain.action import Action
from controlplane.domain.instant import Clock
from controlplane.domain.tree import root_of
from controlplane.keys.backend import KeyBackend
from controlplane.service.changes import record
from controlplane.service.log_keys import read_current
from controlplane.store import log_keys
from controlplane.store.database import Store, move_epoch
from controlplane.store.transaction import transaction_of

_REMEMBERED = 64  # checkpoints; callers of one batch share one


class LogSigning:
    """Of one process; its threads share it."""

    def __init__(self, store: Store, keys: KeyBackend, clock: Clock) -> None:
        self._store = store
        self._keys = keys
        self._clock = clock
        self._lock = Lock()
        self._signed: OrderedDict[int, Checkpoint] = OrderedDict()
        self._read: Checkpoint | None = None
        self._signer: NoteSigner | None = None

    @property
    def has_begun(self) -> bool:
        """Whether the log signs; as far as this process knows."""
        return self._signer is not None

    def begin(self) -> None:
        """With the first checkpoint the log's origin is fixed, which leaves a row. Outside of a
        transaction. Refused state_altered, store_unavailable."""
        if self._signer is not None:
            return
        with self._store.read() as database:
            if self._take_key(database):
                return
        with self._store.write() as database:
            key = read_current(database)
            if key.begun_at is None:
                move_epoch(database)
                at = self._clock()
                log_keys.begin(database, key, at)
                record(database, None, Action.LOG_BEGIN, key.origin, at=at)
        with self._store.read() as database:
            self._take_key(database)

    def begun(self, database: Database) -> bool:
        """The same, as of this transaction. Raises Altered."""
        return self._signer is not None or self._take_key(database)

    def sign(self, size: int, root: bytes) -> Checkpoint:
        """Over rows that are committed."""
        with self._lock:
            known = self._signed.get(size)
        if known is not None and known.root == root:
            return known
        checkpoint = sign_checkpoint(self._ready(), size, root)
        with self._lock:
            self._signed[size] = checkpoint
            while len(self._signed) > _REMEMBERED:
                self._signed.popitem(last=False)
        return checkpoint

    def sign_head(self, database: Database) -> Checkpoint:
        """Of the log as a transaction finds it, which has appended nothing."""
        root = transaction_of(database).root
        return self.sign(root.size, root_of(root.frontier))

    def read(self, note: str) -> Checkpoint | None:
        """None unless this log signed it."""
        known = self._read
        if known is not None and known.note == note:
            return known
        found = read_checkpoint(self._ready(), note)
        if found is not None:
            self._read = found
        return found

    def _take_key(self, database: Database) -> bool:
        """False: the log has not begun."""
        key = read_current(database)
        if key.begun_at is None:
            return False
        private = self._keys.open(key.key)
        if not isinstance(private, Ed25519PrivateKey):
            raise TypeError("a log's key is of Ed25519")
        self._signer = NoteSigner(key.origin, private)
        return True

    def _ready(self) -> NoteSigner:
        if self._signer is None:
            raise AssertionError("the log has not begun")
        return self._signer
