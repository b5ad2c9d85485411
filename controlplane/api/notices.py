"""What a caller is told of: in `whoami`, and that there is something in a header of any answer."""

from contextlib import suppress
from datetime import datetime
from typing import Annotated

from falcon.asgi import Request, Response

from controlplane.api import words
from controlplane.api.endpoint import endpoint
from controlplane.api.structs import Body, Shown, made
from controlplane.api.text import MAX_PARAMETER, Text
from controlplane.api.values import length
from controlplane.domain import notice as domain
from controlplane.domain.action import Action
from controlplane.domain.model import Caller
from controlplane.domain.ranges import Range
from controlplane.errors import Refused
from controlplane.service.notices import Notices as Service

HEADER = "Sealwright-Notices"
"""In a request: say how many there are. In its answer: that number, unless it is 0."""


class Notice(Shown, frozen=True):
    """`id` and `action` are those of the row. `by` null: on the server's own machine.
    `about`: the caller, or a machine of theirs. `text`: a sentence."""

    id: str
    at: datetime
    by: str | None
    action: Action
    about: str
    text: str


class Seen(Body, frozen=True):
    seen: Annotated[Text, length(Range(1, MAX_PARAMETER), "`id` of the last one")]


class NoticesResource:
    def __init__(self, notices: Service) -> None:
        self._notices = notices

    @endpoint("Have seen notices: this key is not told of them again", status=204)
    def on_post(self, caller: Caller, body: Seen) -> None:
        self._notices.mark_seen(caller, body.seen)


def show_notices(caller: Caller, notices: Service) -> list[Notice]:
    own = caller.identity.name
    return [_notice(each, own) for each in notices.unseen(caller)]


async def tell_number(req: Request, resp: Response, notices: Service) -> None:
    """To who asks for it; an answer does not fail of it."""
    caller = req.context.caller
    if req.get_header(HEADER) is None:
        return
    with suppress(Refused):
        number = len(await req.context.run(lambda: notices.unseen(caller)))
        if number:
            resp.set_header(HEADER, str(number))


def _notice(of: domain.Notice, reader: str) -> Notice:
    return made(Notice, of, text=words.say_notice(of, reader))
