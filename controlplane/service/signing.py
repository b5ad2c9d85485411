"""One call to sign: decide, sign, record, and only then release."""

from collections.abc import Callable, Generator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

import structlog
from msgspec.structs import replace

from controlplane.algorithms.hashes import LONGEST_DIGEST
from controlplane.domain.clock import TRUSTED
from controlplane.domain.decision import LASTING, Allowed, Circumstances, Denied, decide
from controlplane.domain.explanation import Missing, list_missing_of_grant
from controlplane.domain.identifier import new_id
from controlplane.domain.keys import KeyedSigner
from controlplane.domain.mechanism import find_mismatch, judged_hash
from controlplane.domain.model import (
    Caller,
    Client,
    Grant,
    Identity,
    MemberRole,
    OperationKind,
    Outcome,
    SignCall,
    Signed,
)
from controlplane.domain.operation import Entry
from controlplane.domain.redaction import clean, redact
from controlplane.errors import Altered, Code, Refused
from controlplane.keys.backend import KeyBackend
from controlplane.service import commit
from controlplane.service.commit import (
    Bound,
    Done,
    Exhausted,
    Overtaken,
    Result,
    Row,
    Writer,
    Written,
    write_rows,
)
from controlplane.service.explanation import find_grant_or_request
from controlplane.service.identities import RefusedCaller, refuse_unless_current
from controlplane.service.rates import Rates
from controlplane.service.receipts import Receipts
from controlplane.service.time import Time
from controlplane.service.view import View, ViewMoved, Views, Within, WouldWait
from controlplane.store import signers
from controlplane.store.database import Store, read_epoch
from controlplane.store.state import altered

_LONGEST_NAME = 64  # characters of a signer's name as a caller gave it
_MOST_MOVES = 5  # of the epoch, during a call
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Attempt:
    """What came of a call under one view; becomes true when its row is durable."""

    entry: Entry
    answer: Signed | Refused
    grant: Grant | None = None  # that the entry names


@dataclass(frozen=True, slots=True)
class Unread:
    """A call to sign of which only the address was read, for its caller is not let in."""

    signer: str
    client: Client


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """To be called where waiting is allowed; what it returns, or raises, goes back."""

    call: Callable[[], Any]


class GrantMissing(Refused):
    """403 no_active_grant, with what is missing, and the id of the request that is pending."""

    def __init__(self, refused: Refused, missing: tuple[Missing, ...], request: str | None) -> None:
        super().__init__(refused.code, refused.title, request=request)
        self.missing = missing


Steps = Generator[Elsewhere | Row, Any, Signed]
"""A call to sign, up to what it must wait for, again and again: something that is done elsewhere,
or a row that is written, whose Result goes back. Whoever drives it chooses how to wait."""


class Signing:
    def __init__(
        self,
        store: Store,
        views: Views,
        keys: KeyBackend,
        writer: Writer,
        rates: Rates,
        time: Time,
        receipts: Receipts,
    ) -> None:
        self._store = store
        self._views = views
        self._keys = keys
        self._writer = writer
        self._rates = rates
        self._clock = time
        self._receipts = receipts

    def sign(self, caller: Caller, call: SignCall) -> Signed:
        """As `steps`, waiting in this thread."""
        steps = self.steps(caller, call)
        resume = partial(next, steps)
        while True:
            try:
                step = resume()
            except StopIteration as end:
                signed: Signed = end.value
                return signed
            try:
                answer = step.call() if isinstance(step, Elsewhere) else self._writer.write(step)
                resume = partial(steps.send, answer)
            except Exception as fault:  # noqa: BLE001  # for the steps to judge
                resume = partial(steps.throw, fault)

    def hand_in(self, row: Row, done: Done) -> None:
        """A row of `steps`; `done` is told its Result. Refused 503 overloaded."""
        self._writer.hand_in(row, done)

    def steps(self, caller: Caller, call: SignCall) -> Steps:
        """The signature, after its row is durable. Memory decides, and a quick key signs, without
        waiting.

        Refused: 403 not_a_member, role_cannot_sign, signer_disabled, signer_pending,
        certificate_expired, certificate_not_yet_valid, algorithm_not_allowed, no_active_grant
        (GrantMissing), address_not_allowed; 404 signer_not_found (row: not_a_member); 400
        scheme_key_mismatch or invalid_request; 401 if the caller's key was just revoked or ended;
        409 certificate_changed, idempotency_conflict; 500 signing_failed. Each leaves a row; 429
        too_many_calls; 503 overloaded, store_unavailable or clock_behind with retry_after.
        """
        view = self._views.latest_known()
        moves = 0
        attempt: _Attempt
        if self._clock.behind() > TRUSTED:  # unless that was accepted meanwhile
            view = yield Elsewhere(self._views.fresh)
        while True:
            self._clock.check()
            if moves > _MOST_MOVES:
                attempt, result = yield Elsewhere(partial(self._decide_within, caller, call))
            else:
                try:
                    attempt = self._attempt(view.remembered, caller, call, may_wait=False)
                except WouldWait:
                    try:
                        attempt = yield Elsewhere(
                            partial(self._attempt, view, caller, call, may_wait=True)
                        )
                    except ViewMoved:
                        view = yield Elsewhere(self._views.fresh)
                        moves += 1
                        continue
                result = yield self._row(attempt, caller, view)
            if isinstance(result, Overtaken):
                view = yield Elsewhere(self._views.fresh)
                moves += 1
                continue
            if isinstance(result, Exhausted):
                view.forget_grants(call.signer, caller.identity.name)
                continue
            if isinstance(result, commit.Altered):
                fault = altered(f"grants/{result.grant_id}")
                entry = _fail(_entry(caller, call, self._clock()), fault.code)
                yield Row(entry, None, bind=False)
                raise fault
            if isinstance(result, Bound):
                return (yield from self._repeat(attempt, caller, call, result))
            if not isinstance(attempt.answer, Refused):
                return (yield from self._with_receipt(attempt.answer, call, result))
            refused = attempt.answer
            if refused.code is Code.NO_ACTIVE_GRANT:
                with suppress(Refused):  # the row stands: its answer does too, if it says less
                    refused = yield Elsewhere(
                        partial(self._with_what_is_missing, refused, caller, call)
                    )
            raise refused

    def _decide_within(self, caller: Caller, call: SignCall) -> tuple[_Attempt, Result]:
        """The decision and its row in one write, in which nothing can move: for a call during which
        the epoch moved again and again."""
        with self._store.write() as database:
            view = View(Within(database), read_epoch(database))
            attempt = self._attempt(view, caller, call, may_wait=True)
            (result,) = write_rows(database, [self._row(attempt, caller, view)])
        return attempt, result

    def _row(self, attempt: _Attempt, caller: Caller, view: View) -> Row:
        """Refused 429."""
        if attempt.entry.outcome is Outcome.DENIED:
            self._rates.count(caller.identity.id, attempt.entry.created_at)
        known = not isinstance(attempt.answer, RefusedCaller)  # else a retry gets nothing
        accepted = self._clock.accepted
        return Row(attempt.entry, view.epoch, known, attempt.grant, accepted)

    def record_refused(self, refused: Refused, call: SignCall | Unread) -> None:
        """A call to sign by somebody who is known and not let in becomes a denied row; any other
        refusal of `Identities.authenticate` leaves none. Refused 429 too_many_calls, by its key:
        whoever stole one uses up nothing of its owner's."""
        if isinstance(refused, RefusedCaller):
            entry = _refused_entry(refused, call, self._clock())
            self._rates.count(refused.caller.api_key_id, entry.created_at)
            self._writer.write(Row(entry, None, bind=False))

    def _attempt(self, view: View, caller: Caller, call: SignCall, *, may_wait: bool) -> _Attempt:
        """Raises ViewMoved; WouldWait unless it may."""
        now = self._clock()
        try:
            return self._decide(view, caller, call, now, may_wait=may_wait)
        except Altered as refused:
            return _Attempt(_fail(_entry(caller, call, now), refused.code), refused)

    def _decide(
        self, view: View, caller: Caller, call: SignCall, now: datetime, *, may_wait: bool
    ) -> _Attempt:
        """The same; raises Altered."""
        known = view.key_by_id(caller.api_key_id)
        if known is None:
            raise Refused(Code.API_KEY_UNKNOWN, "Nobody has this API key.")
        try:
            presented = Caller(known.identity, known.key)
            refuse_unless_current(known.key, presented, call.client.address, now)
        except RefusedCaller as refused:
            return _Attempt(_refused_entry(refused, call, now), refused)
        keyed = view.signer(call.signer, now)
        role = view.role(keyed.signer.id, known.identity) if keyed else None
        decision = decide(
            Circumstances(
                identity=known.identity,
                name=call.signer,
                keyed=keyed,
                role=role,
                grants=_grants(view, keyed, known.identity, role, now),
                hash=judged_hash(call),
                certificate_serial=call.certificate_serial,
                now=now,
            )
        )
        if isinstance(decision, Denied):
            return _Attempt(_deny(_entry(caller, call, now), decision.reason), decision.refused)
        mismatch = find_mismatch(decision.keyed.signer.key, call)
        if mismatch is not None:
            return _Attempt(_deny(_entry(caller, call, now), mismatch.code), mismatch)
        if not may_wait and self._keys.is_slow(decision.keyed.signer.key):
            raise WouldWait
        return self._sign(decision, caller, call, now)

    def _sign(self, allowed: Allowed, caller: Caller, call: SignCall, now: datetime) -> _Attempt:
        serial = allowed.certificate_serial
        try:
            signature = self._keys.sign(allowed.keyed.key, call)
        except Exception:  # noqa: BLE001  # whatever broke, the call is on record
            entry = _fail(_entry(caller, call, now), Code.SIGNING_FAILED)
            _log.exception("signing_failed", signer=call.signer, operation_id=entry.id)
            refused = Refused(
                Code.SIGNING_FAILED,
                f"The key of the signer {call.signer!r} could not be used; see the server's log.",
            )
            return _Attempt(replace(entry, certificate_serial=serial), refused)
        entry = _entry(
            caller,
            call,
            now,
            outcome=Outcome.SUCCEEDED,
            grant=allowed.grant,
            certificate_serial=serial,
            signature=signature,
        )
        return _Attempt(entry, Signed(signature, entry.id, serial), allowed.grant)

    def _with_receipt(self, signed: Signed, call: SignCall, row: Written | Bound) -> Steps:
        """`row`: that is committed, just now or before."""
        if not call.receipt:
            return signed
        if isinstance(row, Written) and self._receipts.is_ready:
            receipt = self._receipts.of_written(row)
        else:
            receipt = yield Elsewhere(partial(self._receipts.try_of_operation, row.operation))
        return Signed(signed.signature, signed.operation_id, signed.certificate_serial, receipt)

    def _with_what_is_missing(self, refused: Refused, caller: Caller, call: SignCall) -> Refused:
        """For want of a grant: the same refusal, with what to do about it."""
        now = self._clock()
        with self._store.read() as database:
            keyed = signers.find(database, call.signer, now)
            if keyed is None:
                return refused
            signer = keyed.signer
            pending, latest = find_grant_or_request(database, signer, caller.identity, now)
        missing = list_missing_of_grant(signer, caller.identity.name, now, pending, latest)
        return GrantMissing(refused, missing, pending.id if pending else None)

    def _repeat(self, attempt: _Attempt, caller: Caller, call: SignCall, bound: Bound) -> Steps:
        """The signature that the call's idempotency key is bound to, if it was the same call, and
        its caller could still sign. `attempt`: the same call, decided under the epoch in which the
        key was found bound."""
        before = bound.operation.entry
        entry = _entry(caller, call, self._clock())
        signature, serial = before.signature, before.certificate_serial
        if signature is not None and serial is not None and _content(before) == _content(entry):
            if isinstance(attempt.answer, Signed) or attempt.entry.reason not in LASTING:
                signed = Signed(signature, before.id, serial)
                return (yield from self._with_receipt(signed, call, bound))
            yield Row(attempt.entry, None, bind=False)
            raise attempt.answer
        refused = Refused(
            Code.IDEMPOTENCY_CONFLICT,
            "This Idempotency-Key was used before, for another call to sign.",
        )
        self._rates.count(caller.identity.id, entry.created_at)
        yield Row(_deny(entry, refused.code), None, bind=False)
        raise refused


def _grants(
    view: View,
    keyed: KeyedSigner | None,
    identity: Identity,
    role: MemberRole | None,
    now: datetime,
) -> tuple[Grant, ...]:
    """Where the decision can come to depend on them."""
    if keyed is None or keyed.signer.policy is None or role is None or not role.signs:
        return ()
    return view.active_grants(keyed.signer.name, identity.name, now)


def _entry(
    caller: Caller,
    call: SignCall,
    at: datetime,
    *,
    outcome: Outcome | None = None,
    grant: Grant | None = None,
    certificate_serial: str | None = None,
    signature: bytes | None = None,
) -> Entry:
    """Made in one go: to copy it takes longer."""
    return Entry(
        id=new_id(),
        created_at=at,
        kind=OperationKind.SIGN,
        actor=caller.identity.name,
        api_key_id=caller.api_key_id,
        credential=caller.key.credential(at),
        signer=_name(call.signer),
        outcome=outcome,
        scheme=call.scheme,
        hash=call.hash,
        digest=call.digest,
        pss=call.pss,
        ecdsa_encoding=call.ecdsa_encoding,
        grant_id=grant.id if grant else None,
        approvals=grant.approvals if grant else None,
        certificate_serial=certificate_serial or call.certificate_serial,
        client=clean(call.client),
        signature=signature,
        idempotency_key=call.idempotency_key,
    )


def _deny(entry: Entry, reason: Code) -> Entry:
    return replace(entry, outcome=Outcome.DENIED, reason=reason)


def _fail(entry: Entry, reason: Code) -> Entry:
    return replace(entry, outcome=Outcome.FAILED, reason=reason)


def _refused_entry(refused: RefusedCaller, call: SignCall | Unread, at: datetime) -> Entry:
    """The row of a caller who is not let in is small, for a revoked key can make many: of what the
    client says of itself nothing stays but the address that the server saw, and of octets that
    are longer than a digest none. Of what was not read nothing is said."""
    entry = Entry(
        id=new_id(),
        created_at=at,
        kind=OperationKind.SIGN,
        actor=refused.caller.identity.name,
        api_key_id=refused.caller.api_key_id,
        credential=refused.caller.key.credential(at),
        signer=_name(call.signer),
        outcome=Outcome.DENIED,
        reason=refused.code,
        client=clean(Client(address=call.client.address)),
    )
    if isinstance(call, Unread):
        return entry
    return replace(
        entry,
        scheme=call.scheme,
        hash=call.hash,
        digest=call.digest if len(call.digest) <= LONGEST_DIGEST else None,
        pss=call.pss,
        ecdsa_encoding=call.ecdsa_encoding,
        certificate_serial=call.certificate_serial,
    )


def _name(given: str) -> str:
    """Of a signer, as it goes on record: callers send what they like."""
    return redact(given)[:_LONGEST_NAME]


def _content(entry: Entry) -> tuple[object, ...]:
    """What makes two calls the same; who runs the tool and where does not."""
    return (
        entry.signer,
        entry.scheme,
        entry.hash,
        entry.digest,
        entry.pss,
        entry.ecdsa_encoding,
    )
