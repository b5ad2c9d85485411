"""Which call may begin: around the application, before anything is done for its caller.

A body up to SMALL_BODY is gathered first, so that slow clients hold nothing; a longer one is read
only once its caller was let in, as the application asks for it.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

from controlplane.admission.threads import lane
from controlplane.admission.turns import Turns
from controlplane.errors import Refused, invalid

Scope = dict[str, Any]
Event = dict[str, Any]
Receive = Callable[[], Awaitable[Event]]
Send = Callable[[Event], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

SMALL_BODY = 16 * 1024  # bytes
_PIECE = 64 * 1024  # bytes of an answer
_AT_ONCE = 256  # calls, in a process
_OF_A_CALLER = 64
_OF_SEVERAL = 4  # each; what is under way of one is what another waits for
_WAITING = 512
WAITING_OF_A_CALLER = 256
_MOST_KNOWN = 10_000  # callers


class Admission:
    """An ASGI application around the `application`, which may change meanwhile.

    A caller is whoever presents a key that was let in before, however its header is spelt; all
    others are told apart by their address, so that made-up keys bring nobody more turns, and by
    whether they present any, so that those keep no probe waiting.
    """

    def __init__(self, application: Application, make_room: Callable[[], None]) -> None:
        """`make_room` is called when calls wait because too many are under way."""
        self.application = application
        self.turns = Turns(
            at_once=_AT_ONCE,
            of_a_lane=_OF_A_CALLER,
            of_several=_OF_SEVERAL,
            waiting=_WAITING,
            waiting_in_a_lane=WAITING_OF_A_CALLER,
            make_room=make_room,
        )
        self.known: OrderedDict[bytes, None] = OrderedDict()  # hashes; those used last at the end

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The application finds its `Call` in the scope, under `call`, and an early refusal under
        `refused`."""
        key = _presented(scope)
        call = scope["call"] = Call(self, key, self._lane(scope, key))
        gathered: Receive | None = receive
        try:
            _check_query(scope)
            gathered = _later(scope, receive, call) if _is_long(scope) else await _gather(receive)
            if gathered is None:
                return  # the client has gone
            await call.enter()
        except Refused as refused:
            scope["refused"] = refused

        async def send_last(event: Event) -> None:
            """Nobody waits for those who do not take an answer that is made."""
            if event["type"] == "http.response.body" and not event.get("more_body"):
                call.leave()
            if len(event.get("body", b"")) <= _PIECE:
                await send(event)
                return
            for piece, behind in _pieces(event):
                scope["connection"].behind = behind
                await send(piece)

        try:
            await self.application(scope, gathered or receive, send_last)
        finally:
            call.leave()

    def _lane(self, scope: Scope, key: bytes | None) -> bytes:
        if key is not None and key in self.known:
            return key
        client = scope["client"]
        address: bytes = client[0].encode() if client else b"unix"
        return address if key is None else b"key from " + address


class Call:
    """Enters and leaves as often as it must wait for its client."""

    def __init__(self, admission: Admission, key: bytes | None, caller: bytes) -> None:
        """`key`: hash of the one that was presented. `caller`: its lane."""
        self._admission = admission
        self._key = key
        self._caller = caller
        self._has_entered = False

    async def enter(self) -> None:
        """Refused 503 overloaded."""
        await self._admission.turns.enter(self._caller)
        lane.set(self._caller)
        self._has_entered = True

    def leave(self) -> None:
        if self._has_entered:
            self._has_entered = False
            self._admission.turns.leave(self._caller)

    async def let_in(self) -> None:
        """Its caller is known now, and waits no longer where those wait who are not. Refused 503
        overloaded."""
        if self._key is None:
            return
        known = self._admission.known
        known[self._key] = None
        known.move_to_end(self._key)
        if len(known) > _MOST_KNOWN:
            known.popitem(last=False)
        if self._caller != self._key:
            self.leave()
            self._caller = self._key
            await self.enter()

    def turn_away(self) -> None:
        """Its key is not, or no longer, anybody's."""
        if self._key is not None:
            self._admission.known.pop(self._key, None)


def _pieces(event: Event) -> Iterator[tuple[Event, int]]:
    """Of an answer, each with how many octets come after it. TLS takes whatever it is given, and
    says of the next only that it waits."""
    body = memoryview(event["body"])
    for end in range(_PIECE, len(body), _PIECE):
        piece = bytes(body[end - _PIECE : end])
        yield {**event, "body": piece, "more_body": True}, len(body) - end
    yield {**event, "body": bytes(body[(len(body) - 1) // _PIECE * _PIECE :])}, 0


def _presented(scope: Scope) -> bytes | None:
    """The hash of the key, however its header is spelt."""
    key = None
    for name, value in scope["headers"]:
        if name == b"authorization":
            key = hashlib.sha256(value.partition(b" ")[2].strip()).digest()
    return key


def _check_query(scope: Scope) -> None:
    """Before the application, whose framework would fail at it."""
    if not scope["query_string"].isascii():
        scope["query_string"] = b""
        raise invalid("query", "The query holds octets that must be percent-encoded.")


def _is_long(scope: Scope) -> bool:
    """Whether there is a body that is read only once its caller was let in."""
    names = dict(scope["headers"])
    return b"transfer-encoding" in names or int(names.get(b"content-length", 0)) > SMALL_BODY


async def _gather(receive: Receive) -> Receive | None:
    """Gives the application what it may read. None: the client has gone."""
    event = await receive()
    pieces = [event]
    while event.get("more_body"):
        event = await receive()
        pieces.append(event)
    if event["type"] != "http.request":
        return None
    if len(pieces) > 1:
        body = b"".join(piece["body"] for piece in pieces)
        event = {"type": "http.request", "body": body, "more_body": False}
    return _replay(event, receive)


def _replay(event: Event, receive: Receive) -> Receive:
    given = iter((event,))

    async def replay() -> Event:
        return next(given, None) or await receive()

    return replay


def _later(scope: Scope, receive: Receive, call: Call) -> Receive:
    """The application asks for an event before it has looked at anything: it gets an empty one.
    Nobody waits for those whose body is on its way."""
    beginning = iter(({"type": "http.request", "body": b"", "more_body": True},))

    async def read() -> Event:
        event = next(beginning, None)
        if event is None:
            scope["connection"].expect_body()
            call.leave()
            event = await receive()
            await call.enter()
        return event

    return read
