"""Timestamps: that a digest was there at a time, for whoever asks. Each leaves its row."""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Self

import structlog
from peewee import Database

from controlplane.certificates.reading import format_serial
from controlplane.domain.identifier import new_id
from controlplane.domain.instant import to_text
from controlplane.domain.model import Caller, Client, OperationKind, Outcome
from controlplane.domain.network import place_of
from controlplane.domain.operation import Entry
from controlplane.domain.settings import TIMESTAMP_FROM, TIMESTAMP_POLICY
from controlplane.errors import Code, Refused
from controlplane.keys.backend import KeyBackend, KeyUnusableError
from controlplane.service.changes import confirm
from controlplane.service.commit import Row, Writer, Written, write_rows
from controlplane.service.rates import Bound, Rates, SharedPlaces
from controlplane.service.time import Time
from controlplane.service.timestamping import find_unit, is_due, renew
from controlplane.store.database import Store, read_epoch
from controlplane.store.settings import read_setting
from controlplane.timestamps.request import Failure, RejectedError, Request, parse
from controlplane.timestamps.response import grant, reject
from controlplane.timestamps.token import ACCURACY_SECONDS, Told, Unit, make_token

_TOGETHER = Bound(
    60,
    1.0,
    "Callers without an API key get 60 timestamps a minute together, and have had them; try again "
    "later, or call with a key.",
)
_FROM_ONE_PLACE = Bound(
    60,
    0.5,  # half of what there is, so that nobody alone can take all of it for ever
    "Callers without an API key ask for 60 timestamps at once from one address, and then for 30 a "
    "minute; try again later, or call with a key.",
)
_MOST_MOVES = 5  # of the epoch, during a call
_TOLERATED = timedelta(seconds=ACCURACY_SECONDS)  # that the clock stands behind the log
_SERIAL_BITS = 127  # a positive INTEGER of 16 octets
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Made:
    """Becomes true when its row is durable."""

    token: bytes
    row: Row


@dataclass(frozen=True, slots=True)
class Strangers:
    """`calls`: by where they come from, whatever they get. `timestamps`: of all together, counted
    where nothing of the request is in the way of one, so that who gets none uses up none of the
    others'."""

    calls: Rates
    timestamps: Rates

    @classmethod
    def within(cls, places: SharedPlaces | None) -> Self:
        """None: of this process alone."""
        if places is None:
            return cls(Rates(None, _FROM_ONE_PLACE), Rates(None, _TOGETHER))
        return cls(Rates(places.strangers, _FROM_ONE_PLACE), Rates(places.timestamps, _TOGETHER))


class Timestamps:
    def __init__(
        self, store: Store, keys: KeyBackend, writer: Writer, strangers: Strangers, time: Time
    ) -> None:
        self._store = store
        self._keys = keys
        self._writer = writer
        self._strangers = strangers
        self._clock = time

    def answer(self, caller: Caller | None, address: str | None, content: bytes) -> bytes:
        """To a TimeStampReq, after its row is durable, or with why there is none: a TimeStampResp,
        all in DER. `caller` None: a stranger. Refused 401 if the caller's key was just revoked; 403
        address_not_allowed, 429 too_many_calls for strangers; 503 overloaded."""
        if caller is None:
            self._admit_stranger(address)
        try:
            request = parse(content)
            if caller is None:
                self._count_stranger(request)
            return grant(self._stamp(caller, address, request))
        except RejectedError as rejected:
            return reject(rejected.failure, rejected.why)
        except KeyUnusableError:
            _log.exception("timestamp_failed")
            why = "The key that signs timestamps cannot be used; the server's log has more."
            return reject(Failure.SYSTEM_FAILURE, why)

    def renew_due(self) -> None:
        """A unit that has signed long enough gives way to another, though nobody asks for a
        timestamp. Raises KeyUnusableError."""
        with self._store.read() as database:
            is_due_ = is_due(database, self._clock())
        if is_due_ and self._clock.behind() <= _TOLERATED:
            with self._store.write() as database:
                at = self._clock()
                if is_due(database, at):  # another process may have been first
                    renew(database, self._keys, at)
            self._keys.forget()

    def _admit_stranger(self, address: str | None) -> None:
        """First from where, so that those who get nothing use up nothing of the others'."""
        with self._store.read() as database:
            allowed = read_setting(database, TIMESTAMP_FROM)
        if not allowed.admit(address):
            raise Refused(
                Code.ADDRESS_NOT_ALLOWED,
                "Nobody gets a timestamp from here without an API key (the setting "
                f"{TIMESTAMP_FROM.name}).",
            )
        self._strangers.calls.count(place_of(address), self._clock())

    def _count_stranger(self, request: Request) -> None:
        """Refused 429. Raises RejectedError: no timestamp, and not counted."""
        with self._store.read() as database:
            self._policy_for(database, request)
        self._strangers.timestamps.count("timestamps", self._clock())

    def _stamp(self, caller: Caller | None, address: str | None, request: Request) -> bytes:
        for _ in range(_MOST_MOVES):
            with self._store.read() as database:
                made = self._make(database, caller, address, request)
            if made is None:
                break
            if isinstance(self._writer.write(made.row), Written):
                return made.token
        return self._stamp_within(caller, address, request)

    def _stamp_within(self, caller: Caller | None, address: str | None, request: Request) -> bytes:
        """In a write, in which nothing can move; with another unit where one has to be made."""
        with self._store.write() as database:
            made = self._make(database, caller, address, request)
            if made is None:
                renew(database, self._keys, self._clock())
                made = self._make(database, caller, address, request)
            if made is None:
                raise AssertionError("a unit was just made")
            (result,) = write_rows(database, [made.row])
            if not isinstance(result, Written):  # by a process whose clock is ahead of this one's
                raise _without_time()
        self._keys.forget()  # what may have been destroyed
        return made.token

    def _make(
        self, database: Database, caller: Caller | None, address: str | None, request: Request
    ) -> _Made | None:
        """None: there is no unit that may sign."""
        if caller is not None:
            confirm(database, caller)
        policy = self._policy_for(database, request)
        at = self._clock()
        unit = find_unit(database, self._keys, at)
        if unit is None:
            return None
        told = Told(policy, _new_serial(), at.replace(microsecond=0))
        entry = _entry(caller, address, request, unit, told, at)
        row = Row(entry, read_epoch(database), bind=False, accepted=self._clock.accepted)
        return _Made(make_token(unit, request, told), row)

    def _policy_for(self, database: Database, request: Request) -> str:
        """Under which there can be a token now. Raises RejectedError."""
        if self._clock.behind() > _TOLERATED:
            raise _without_time()
        policy = read_setting(database, TIMESTAMP_POLICY)
        if request.policy not in (None, policy):
            raise RejectedError(
                Failure.UNACCEPTED_POLICY, f"Timestamps are given under the policy {policy} alone."
            )
        return policy


def _without_time() -> RejectedError:
    return RejectedError(
        Failure.TIME_NOT_AVAILABLE,
        "The server's clock stands behind the last row of its log: it knows no time to tell.",
    )


def _new_serial() -> int:
    return 1 << (_SERIAL_BITS - 1) | secrets.randbits(_SERIAL_BITS - 1)


def _entry(
    caller: Caller | None,
    address: str | None,
    request: Request,
    unit: Unit,
    told: Told,
    at: datetime,
) -> Entry:
    return Entry(
        id=new_id(),
        created_at=at,
        kind=OperationKind.TIMESTAMP,
        actor=caller.identity.name if caller else None,
        api_key_id=caller.api_key_id if caller else None,
        credential=caller.key.credential(at) if caller else None,
        outcome=Outcome.SUCCEEDED,
        hash=request.hash,
        digest=request.digest,
        certificate_serial=format_serial(unit.chain[0].serial_number),
        client=Client(address=address),
        object=format_serial(told.serial),
        details={"policy": told.policy, "at": to_text(told.at)},
    )
