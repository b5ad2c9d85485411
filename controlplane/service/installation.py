"""The store of one installation: created once, then opened by each process of the server."""

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from secrets import token_hex
from types import TracebackType

from peewee import Database

from controlplane.audit.writer import settle
from controlplane.domain.action import Action
from controlplane.domain.anchor import NAME
from controlplane.domain.identifier import new_id
from controlplane.domain.instant import Clock, now, to_text
from controlplane.domain.model import Caller, Identity, IdentityKind, ServerRole
from controlplane.domain.names import GROUP_MARK
from controlplane.domain.operation import DetailValue
from controlplane.domain.text import storable
from controlplane.errors import Code, Refused
from controlplane.keys.encrypted import EncryptedKeys
from controlplane.keys.master_key import MasterKey, create_master_key, load_master_key
from controlplane.service import commit
from controlplane.service.anchor_file import AnchorFile
from controlplane.service.anchors import Noting, note
from controlplane.service.audit import Audit
from controlplane.service.authority import Authority, create_authority
from controlplane.service.catalogue import Catalogue
from controlplane.service.changes import record
from controlplane.service.clock_acceptance import ClockAcceptance
from controlplane.service.enrolments import Enrolments
from controlplane.service.erasure import erase_due
from controlplane.service.explanation import Explanations
from controlplane.service.figures import Figures
from controlplane.service.gate import Gate
from controlplane.service.grants import Grants
from controlplane.service.groups import Groups
from controlplane.service.identities import Identities
from controlplane.service.identity_creation import NewIdentity, insert_identity
from controlplane.service.jobs import Jobs
from controlplane.service.last_use import LastUses
from controlplane.service.location import Location
from controlplane.service.log import Log
from controlplane.service.log_keys import LogKeys, create_log_key
from controlplane.service.log_readers import LogReaders
from controlplane.service.log_signing import LogSigning
from controlplane.service.members import Members
from controlplane.service.misfits import LAST_SCHEMA_WITHOUT_OBJECTS, settle_misfits
from controlplane.service.new_credentials import insert_key
from controlplane.service.notices import Notices
from controlplane.service.policies import Policies
from controlplane.service.proposals import Proposals
from controlplane.service.published_log import PublishedLog
from controlplane.service.rates import Rates, SharedPlaces
from controlplane.service.readiness import Readiness
from controlplane.service.receipts import Receipts
from controlplane.service.renewals import Renewals
from controlplane.service.requests import Requests
from controlplane.service.settings import Settings
from controlplane.service.signers import Signers
from controlplane.service.signing import Signing
from controlplane.service.state_check import StateCheck
from controlplane.service.suspensions import Suspensions
from controlplane.service.time import Time
from controlplane.service.timestamps import Strangers, Timestamps
from controlplane.service.view import Views
from controlplane.service.witnesses import Witnesses
from controlplane.service.witnessing import Witnessing
from controlplane.store import identities
from controlplane.store.batches import batches
from controlplane.store.database import Store, move_epoch
from controlplane.store.furthest import Furthest
from controlplane.store.migrations import (
    all_migrations,
    check_current,
    current_version,
    migrate,
)
from controlplane.store.objects import Found, scan
from controlplane.store.operations import read_last_hash
from controlplane.store.schema import Guards, find_guards
from controlplane.store.signers import find_due
from controlplane.store.state import State, altered, read_root
from controlplane.store.tables import Installation
from controlplane.store.transaction import transaction_of

FIRST_ADMIN = "admin"
_READY_SECONDS = 2.0  # for other writers; who asks whether we are ready waits for no more


def initialise(location: Location, admin: str = FIRST_ADMIN) -> NewIdentity:
    """Creates data directory (0700), store and master key (0600), the built-in CA and the first
    admin. Refused already_initialised where there is a store, data_dir_not_empty,
    unsupported_file_system; an empty folder is fine. If it fails, it leaves nothing behind."""
    store = location.store()
    store.check_place()
    with store.closing():
        if store.exists():
            raise Refused(Code.ALREADY_INITIALISED, f"There is a store in {store.name} already.")
        with _prepared(location):
            master_key = create_master_key(location.master_key_path)
            made = (location.master_key_path, location.data_dir / NAME)
            with _removed_on_failure(*made), store.prepare():
                created = _fill(store, master_key, admin)
                _note(location, store, master_key)
                location.remember()
                return created


def read_log_key(location: Location) -> str:
    """That verifies the log's checkpoints, as verifiers take it. Refused as `open_services`."""
    store = proven_store(location)
    with store.closing():
        return LogKeys(store).list()[0].text


def join(location: Location) -> None:
    """Makes the data directory of one more node of a store that there is. Refused
    not_initialised, master_key_wrong, data_dir_not_empty, and as `open_services`."""
    if location.database is None or location.master_key_file is None:
        raise Refused(
            Code.JOIN_INCOMPLETE,
            "Another node needs the URL of the store (--database) and a copy of its master key "
            "(--master-key-file).",
        )
    store = existing_store(location)
    with store.closing():
        master_key = trust(location, store)
        with _prepared(location):
            with store.write() as database:
                host = storable(socket.gethostname())
                record(database, None, Action.INSTALLATION_JOIN, host, at=now())
                location.remember()
            _note(location, store, master_key)


def new_admin_key(location: Location, admin: str = FIRST_ADMIN) -> NewIdentity:
    """Locked out: a new key for this identity, which is enabled, and made admin, if need be;
    created if need be. Its rows have no actor. Refused not_initialised."""
    store = proven_store(location)
    at = now()
    with store.closing(), store.change() as database:
        identity = identities.find(database, admin)
        if identity is None:
            created = insert_identity(database, _admin(admin, at))
        else:
            identity = replace(identity, role=ServerRole.ADMIN, disabled=False)
            identities.update(database, identity)
            key = insert_key(database, identity, at)
            created = NewIdentity(identity, key.api_key, key.key.id)
        details = {"api_key_id": created.api_key_id, "by": "init --new-admin-key"}
        record(database, None, Action.API_KEY_CREATE, admin, at=at, details=details)
    return created


def upgrade(
    location: Location, accept: str | None = None, clock: Clock = now, *, is_noted: bool = False
) -> str | None:
    """Brings the store of an earlier version to this one's schema; leaves a row, which names the
    identities whose names begin as a group's does. Does nothing to any other. `accept`: the head
    of the log of a store whose state does not fit it, and is to stand; if that was so, what the
    head is then. `is_noted`: there is an anchor, so the store was proven before, and one that is
    not is an older one, or was made to look so: only somebody's word lets it stand. Refused
    not_initialised, state_altered, store_rolled_back, unsupported_file_system."""
    store = existing_store(location)
    with store.closing():
        store.check_place()
        with store.read() as database:
            if not _is_old(database):
                return None
            refuse_foreign(store, find_guards(database))
        with store.write() as database:
            before = current_version(database)
            if not _is_old(database):  # another server was first
                return None
            is_unproven = is_noted and before <= LAST_SCHEMA_WITHOUT_OBJECTS
            head = read_last_hash(database)
            if is_unproven and accept != head:
                raise Refused(
                    Code.STORE_ROLLED_BACK,
                    f"The store {store.name} is of a version that proved nothing, but there is an "
                    "anchor: it is older than it was, or was made to look so. If it is meant to "
                    f"be, start the server once with --accept-rollback {head}, its log's head.",
                )
            store.lift_limits()
            migrate(database)
            misfits = settle_misfits(database, store.name, before, accept)
            details: dict[str, DetailValue] = {
                "before": before,
                "after": current_version(database),
                "identities_named_as_groups": _named_as_groups(database),
                **misfits,
            }
            action, at = Action.INSTALLATION_UPGRADE, clock()
            if before <= LAST_SCHEMA_WITHOUT_OBJECTS:
                move_epoch(database)
                master_key = fitting_master_key(location, store, database)
                for part in bless(database, State(master_key.derive("state"))):
                    record(database, None, action, "schema", at=at, details=details | part)
    if before > LAST_SCHEMA_WITHOUT_OBJECTS:  # its state is proven, and new columns change none
        proven = proven_store(location)
        with proven.closing(), proven.change() as database:
            record(database, None, action, "schema", at=at, details=details)
    if not is_unproven and not misfits.get("misfits"):
        return None
    with store.closing(), store.read() as database:
        return read_last_hash(database)


def refuse_foreign(store: Store, guards: Guards) -> None:
    """Refused state_altered."""
    if guards.foreign:
        raise Refused(
            Code.STATE_ALTERED,
            f"The store {store.name} has triggers or rules that are not Sealwright's and would run "
            f"within its writes: {', '.join(guards.foreign)}. Find out who made them, and drop "
            "them.",
        )


def bless(database: Database, state: State) -> Iterator[dict[str, DetailValue]]:
    """Within a write: what stands in the store from now on is the state. A row is to list each part
    of it, before the next is asked for."""
    transaction = transaction_of(database)
    found = {each.name: each for each in scan(database)}
    uses = {each.name.partition("/")[2]: each.used for each in found.values() if each.used}
    parts = list(batches(sorted(found)))
    for number, names in enumerate(parts, 1):
        objects = {name: _sound(found[name]) for name in names}
        if number == 1:
            transaction.adopt(state, objects, uses)
        else:
            transaction.put(objects)
        yield {"part": number, "parts": len(parts)}


def _sound(found: Found) -> bytes:
    if found.hash is None:
        raise altered(found.name)
    return found.hash


def _named_as_groups(database: Database) -> str | None:
    return ", ".join(identities.names_beginning(database, GROUP_MARK)) or None


def _is_old(database: Database) -> bool:
    return 0 < current_version(database) < all_migrations()[-1].version


class Services:
    """The use cases over one opened store. Open it in the process that uses it, after fork."""

    def __init__(
        self,
        store: Store,
        master_key: MasterKey,
        clock: Clock,
        places: SharedPlaces | None,
        deliver: Callable[[commit.Settled], None],
    ) -> None:
        machine, clock = clock, Time(store, clock)
        self._time = clock
        keys = EncryptedKeys(master_key)

        def forget() -> None:
            clock.look()
            keys.forget()  # a key leaves memory soon after its signer

        views = Views(store, on_move=forget)
        authority = Authority(store, keys, clock)
        self._store = store
        self._master_key = master_key
        self._noting: Noting | None = None
        self.state = StateCheck(store)
        self._readiness = Readiness(self._try_to_write)
        self._writer = commit.Writer(store, commit.write_rows, deliver)
        self._clock = clock
        self._rates = Rates(None if places is None else places.callers)
        self._last_uses = LastUses(store, clock)
        gate = Gate(store, clock)
        self.identities = Identities(store, gate, views, clock)
        self.notices = Notices(store)
        # Strangers' rates are apart: none can use up an identity's.
        self.enrolments = Enrolments(store, gate, Rates(), clock)
        self.clock_acceptance = ClockAcceptance(gate, machine)
        self.settings = Settings(store, gate, clock)
        self.signers = Signers(store, gate, keys, authority, clock)
        self.groups = Groups(store, gate, clock)
        self.members = Members(store, gate, clock)
        self.policies = Policies(store, gate, clock)
        self.requests = Requests(store, clock)
        self.grants = Grants(store, gate, clock)
        self.proposals = Proposals(store, clock)
        self.suspensions = Suspensions(store, gate, clock)
        self.explanations = Explanations(store, clock)
        strangers = Strangers.within(places)
        self.timestamps = Timestamps(store, keys, self._writer, strangers, clock)
        self._log_signing = log_signing = LogSigning(store, keys, clock)
        self.log_keys = LogKeys(store)
        self.published_log = PublishedLog(store, log_signing, clock)
        self.witnesses = Witnesses(store, gate)
        self.witnessing = Witnessing(store, log_signing, self.published_log, clock)
        self.receipts = Receipts(
            *(store, Log(store, clock), log_signing, self.published_log, self.witnessing)
        )
        self.signing = Signing(store, views, keys, self._writer, self._rates, clock, self.receipts)
        self.log_readers = LogReaders(store, self._rates, clock)
        self.catalogue = Catalogue(store, clock)
        self.audit = Audit(store, clock)
        self.renewals = Renewals(store, keys, authority, clock)
        self.jobs = Jobs(store, clock)
        self.figures = Figures(store, authority, self.published_log, clock)

    def check_rate(self, caller: Caller) -> None:
        """Refused 429 too_many_calls."""
        self._rates.check(caller.identity.id, self._clock())

    def count_towards_rate(self, caller: Caller) -> None:
        """A call that was refused, or changed something: the next may be too many."""
        with suppress(Refused):
            self._rates.count(caller.identity.id, self._clock())

    def note_use(self, caller: Caller, address: str | None) -> None:
        """The caller's key was used, from there; None: not known."""
        self._last_uses.note(caller, address)

    def clock_behind(self) -> timedelta:
        """How far the machine's clock stands behind the last row of the log."""
        return self._time.behind()

    def check_ready(self) -> None:
        """Refused 503: store_unavailable, or the store needs a migration. Looks once a second."""
        self._readiness.check()

    def _try_to_write(self) -> None:
        with self._store.trial(_READY_SECONDS) as database:
            check_current(database)

    def keep_anchor(self, path: Path, failed: Callable[[], None]) -> None:
        """From now on, until it is closed; `failed` is called when that fails."""
        file = AnchorFile(path, self._master_key)
        self._noting = Noting(self._store, file, self._log_signing, failed)

    def erase_due(self) -> None:
        """What is gone by now; whoever changes anything does so too."""
        with self._store.read() as database:
            due = find_due(database, self._clock())
        if due:
            with self._store.write() as database:
                erase_due(database, self._clock())

    def close(self) -> None:
        """Waits for rows on their way, then closes what is open in the store."""
        self._last_uses.close()
        self._writer.close()
        if self._noting is not None:
            self._noting.close()
        self._store.close()

    def __enter__(self) -> "Services":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def open_services(
    location: Location,
    clock: Clock = now,
    most_connections: int | None = None,
    places: SharedPlaces | None = None,
    deliver: Callable[[commit.Settled], None] = settle,
) -> Services:
    """`clock` tells the time to all that judges by it; `most_connections`: to a database server,
    as many as threads that use the services; `places`: that processes share; `deliver` is for
    `Writer`.
    Refused not_initialised, migration_needed, store_too_new, master_key_unreadable,
    master_key_wrong, state_altered, store_unavailable; then nothing is left open, and it can be
    tried again."""
    location = location.recalled()
    store = existing_store(location, most_connections)
    try:
        master_key = trust(location, store)
        if places is not None:
            store.furthest = Furthest(places.seen)
        services = Services(store, master_key, clock, places, deliver)
    except BaseException:
        store.close()
        raise
    store.says_outages = True
    return services


def proven_store(location: Location) -> Store:
    """One whose state is checked, for a command on the server's machine. Refused as
    `open_services`."""
    store = existing_store(location)
    try:
        trust(location.recalled(), store)
    except BaseException:
        store.close()
        raise
    return store


def trust(location: Location, store: Store) -> MasterKey:
    """From here on what is read of the store is checked. Refused as `open_services`."""
    with store.read() as database:
        check_current(database)
        master_key = fitting_master_key(location, store, database)
        state = State(master_key.derive("state"))
        state.load(database, read_root(database))
    store.state = state
    return master_key


def fitting_master_key(location: Location, store: Store, database: Database) -> MasterKey:
    """Refused master_key_unreadable, master_key_wrong, state_altered."""
    master_key = load_master_key(location.recalled().master_key_path)
    installation = Installation.select().first(database)
    if installation is None:
        raise altered("installation/1")
    if bytes(installation.master_key_check) != master_key.check_value():
        raise Refused(
            Code.MASTER_KEY_WRONG,
            f"{location.master_key_path} is not the master key of the store {store.name}.",
        )
    return master_key


def existing_store(location: Location, most_connections: int | None = None) -> Store:
    """Open it is left to who closes it."""
    store = location.recalled().store(most_connections)
    try:
        exists = store.exists()
    except BaseException:
        store.close()
        raise
    if not exists:
        store.close()
        raise Refused(
            Code.NOT_INITIALISED,
            f"There is no store in {store.name}: run sealwright init first.",
        )
    return store


def _fill(store: Store, master_key: MasterKey, admin: str) -> NewIdentity:
    at, instance = now(), token_hex(16)
    with store.write() as database:
        migrate(database)
        Installation.insert(
            id=1,
            epoch=1,
            master_key_check=master_key.check_value(),
            created_at=to_text(at),
            instance=instance,
            anchored_at=to_text(at),
        ).execute(database)
        keys = EncryptedKeys(master_key)
        create_authority(database, keys, at)
        create_log_key(database, keys, instance, at)
        created = insert_identity(database, _admin(admin, at))
        details = {"id": created.identity.id, "api_key_id": created.api_key_id}
        for _ in bless(database, State(master_key.derive("state"))):
            record(database, None, Action.INSTALLATION_CREATE, admin, at=at, details=details)
    return created


def _note(location: Location, store: Store, master_key: MasterKey) -> None:
    """Refused data_dir_unusable."""
    try:
        note(store, AnchorFile(location.data_dir / NAME, master_key))
    except OSError as error:
        raise Refused(
            Code.DATA_DIR_UNUSABLE,
            f"The data directory {location.data_dir} cannot be used: {error.strerror}.",
        ) from error


def _admin(name: str, at: datetime) -> Identity:
    return Identity(new_id(), name, IdentityKind.USER, ServerRole.ADMIN, False, None, at)


@contextmanager
def _prepared(location: Location) -> Iterator[None]:
    """The data directory, empty and for its owner only."""
    directory = location.data_dir
    existed = directory.exists()
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        if any(directory.iterdir()):
            raise Refused(
                Code.DATA_DIR_NOT_EMPTY,
                f"The data directory {directory} is not empty; choose another one.",
            )
        directory.chmod(0o700)
    except OSError as error:
        raise Refused(
            Code.DATA_DIR_UNUSABLE,
            f"The data directory {directory} cannot be used: {error.strerror}.",
        ) from error
    try:
        yield
    except BaseException:
        if not existed:
            with suppress(OSError):
                directory.rmdir()
        raise


@contextmanager
def _removed_on_failure(*paths: Path) -> Iterator[None]:
    try:
        yield
    except BaseException:
        for path in paths:
            path.unlink(missing_ok=True)
        raise
