"""Which call may begin: around the application, before anything is done for its caller.

A body up to SMALL_BODY is gathered first, so that slow clients hold nothing; a longer one is read
only once its caller was let in, as the application asks for it.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Awaitable, Callable
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
_AT_ONCE = 256  # calls, in a process
_OF_A_CALLER = 32
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
        self._turns = Turns(
            at_once=_AT_ONCE,
            of_a_lane=_OF_A_CALLER,
            waiting=_WAITING,
            waiting_in_a_lane=WAITING_OF_A_CALLER,
            make_room=make_room,
        )
        self._known: OrderedDict[bytes, None] = OrderedDict()  # those used last at the end

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        key, caller = self._caller(scope)
        gathered: Receive | None = receive
        entered = False
        try:
            _check_query(scope)
            gathered = await _gather(scope, receive)
            if gathered is None:
                return  # the client has gone
            await self._turns.enter(caller)
            entered = True
        except Refused as refused:
            scope["refused"] = refused
        lane.set(caller)

        def leave() -> None:
            nonlocal entered
            if entered:
                entered = False
                self._turns.leave(caller)

        async def send_last(event: Event) -> None:
            """Nobody waits for those who do not take an answer that is made."""
            if event["type"] == "http.response.body" and not event.get("more_body"):
                leave()
            await send(event)

        try:
            await self.application(scope, gathered or receive, send_last)
        finally:
            leave()
            self._remember(key, scope.get("let_in"))

    def _caller(self, scope: Scope) -> tuple[bytes | None, bytes]:
        """The hash of the key that is presented, and the lane of the call."""
        key = None
        for name, value in scope["headers"]:
            if name == b"authorization":
                key = hashlib.sha256(value.partition(b" ")[2].strip()).digest()
        if key is not None and key in self._known:
            return key, key
        client = scope["client"]
        address = client[0].encode() if client else b"unix"
        return key, address if key is None else b"key from " + address

    def _remember(self, key: bytes | None, let_in: bool | None) -> None:
        """`let_in`: what the application found out about the caller, if it asked."""
        if key is None or let_in is None:
            return
        if not let_in:
            self._known.pop(key, None)
            return
        self._known[key] = None
        self._known.move_to_end(key)
        if len(self._known) > _MOST_KNOWN:
            self._known.popitem(last=False)


def _check_query(scope: Scope) -> None:
    """Before the application, whose framework would fail at it."""
    if not scope["query_string"].isascii():
        scope["query_string"] = b""
        raise invalid("query", "The query holds octets that must be percent-encoded.")


async def _gather(scope: Scope, receive: Receive) -> Receive | None:
    """Gives the application what it may read. None: the client has gone."""
    names = dict(scope["headers"])
    if b"transfer-encoding" in names or int(names.get(b"content-length", 0)) > SMALL_BODY:
        return _later(scope, receive)
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


def _later(scope: Scope, receive: Receive) -> Receive:
    """The application asks for an event before it has looked at anything: it gets an empty one."""
    beginning = iter(({"type": "http.request", "body": b"", "more_body": True},))

    async def read() -> Event:
        event = next(beginning, None)
        if event is None:
            scope["connection"].expect_body()
            event = await receive()
        return event

    return read
