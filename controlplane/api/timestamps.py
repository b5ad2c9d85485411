"""Timestamps (RFC 3161 §3.4), for callers with an API key and for strangers."""

import asyncio
from functools import partial

from falcon.asgi import Request

from controlplane.api.endpoint import Answer, Encoded, endpoint
from controlplane.domain.model import Caller
from controlplane.errors import Code, Refused
from controlplane.service.timestamps import Timestamps

LARGEST_QUERY = 4096  # bytes; with a digest of SHA-512, a policy and a nonce it has some 150
_AT_ONCE = 2  # in a process
_MOST_WAITING = 64


class TimestampResource:
    """Its calls wait for each other here, so that however many come they hold no more threads than
    a few: those that callers who sign may need."""

    takes_strangers = True

    def __init__(self, timestamps: Timestamps) -> None:
        self._timestamps = timestamps
        self._turn = asyncio.Semaphore(_AT_ONCE)
        self._waiting = 0

    @endpoint(
        "A timestamp, or why there is none (RFC 3161)",
        refusals=(Code.ADDRESS_NOT_ALLOWED, Code.TOO_MANY_CALLS, Code.ROW_UNWRITABLE),
        largest_body=LARGEST_QUERY,
        takes="application/timestamp-query",
        media_type="application/timestamp-reply",
    )
    async def on_post(self, request: Request, caller: Caller | None, body: bytes) -> Answer[bytes]:
        if self._waiting >= _MOST_WAITING:
            raise Refused(
                Code.OVERLOADED, "Too many calls wait for a timestamp; try again.", retry_after=1
            )
        self._waiting += 1
        try:
            async with self._turn:
                answer = partial(self._timestamps.answer, caller, request.context.address, body)
                return Answer(Encoded(await request.context.run(answer)))
        finally:
            self._waiting -= 1
