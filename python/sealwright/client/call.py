"""One call: what is sent, and how an answer or a refusal is read."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar
from urllib.parse import quote, urlencode

import msgspec

from sealwright.client.connection import Connection
from sealwright.client.errors import (
    ClientError,
    Proposed,
    Refused,
    UnexpectedAnswerError,
    UnreachableError,
)
from sealwright.client.objects import Problem, ProposedChange
from sealwright.client.transport import NOTICES, Response, Transport

T = TypeVar("T")
Body = Mapping[str, object] | msgspec.Struct
Text = str | int | bool | None


@dataclass(frozen=True, slots=True)
class Answer(Generic[T]):
    """`value` is the answer parsed; `body` the API's own JSON; `date` the server's clock (HTTP);
    `created` whether it is about something that was not there before."""

    value: T
    body: bytes
    date: str | None = None
    created: bool = False


class Caller:
    """Calls at one control plane as one identity; the paths are the caller's."""

    def __init__(self, connection: Connection) -> None:
        self._transport = Transport(connection)
        self._headers = {
            "Accept": "application/json",
            "User-Agent": "sealwright-cli",
            NOTICES: "count",
        }
        self.has_notices = False  # as of the last answer
        if connection.api_key is not None:
            self._headers["Authorization"] = f"Bearer {connection.api_key}"

    def _get(self, path: str, answer: type[T], /, **query: Text) -> Answer[T]:
        """The query is what of it is not None."""
        text = {name: str(value) for name, value in given(**query).items()}
        return self._call("GET", f"{path}?{urlencode(text)}" if text else path, answer)

    def _call(self, method: str, path: str, answer: type[T], body: Body | None = None) -> Answer[T]:
        response = self._send(method, path, body)
        value = _parsed(response, method, path, answer)
        return Answer(value, response.body, response.date, response.status == 201)

    def _send(self, method: str, path: str, body: Body | None = None) -> Response:
        """The body is sent as it is: None in it is null (see `given`)."""
        headers, content = self._headers, None
        if body is not None:
            content = msgspec.json.encode(body)
            headers = headers | {"Content-Type": "application/json"}
        response = self._transport.request(method, path, body=content, headers=headers)
        self.has_notices = response.notices
        if not 200 <= response.status < 300:
            raise _refusal(response)
        if response.status == 202:
            raise Proposed(_parsed(response, method, path, ProposedChange), response.body)
        return response

    def _stream(self, path: str) -> Iterator[bytes]:
        answer = self._transport.stream(path, self._headers)
        if isinstance(answer, Response):
            raise _refusal(answer)
        return answer


def given(**fields: object) -> dict[str, object]:
    """Those that are not None: for the others the server has its own default."""
    return {name: value for name, value in fields.items() if value is not None}


def part(name: str) -> str:
    """One segment of a path, whatever is in it."""
    return quote(name, safe="") if name not in {".", ".."} else name.replace(".", "%2E")


def _parsed(response: Response, method: str, path: str, wanted: type[T]) -> T:
    try:
        return msgspec.json.decode(response.body, type=wanted)
    except msgspec.MsgspecError as fault:
        raise UnexpectedAnswerError(
            f"{response.url} does not answer {method} {path} as a control plane does: {fault}"
        ) from None


def _refusal(response: Response) -> ClientError:
    try:
        problem = msgspec.json.decode(response.body, type=Problem)
    except msgspec.MsgspecError:
        if 300 <= response.status < 400:
            return UnexpectedAnswerError(
                f"{response.url} answered with a redirect, which is never followed: "
                "give the control plane's own URL"
            )
        if response.status in {502, 503, 504}:
            return UnreachableError(
                f"{response.url}: a gateway answered {response.status} for the control plane"
            )
        return UnexpectedAnswerError(
            f"{response.url} answered {response.status} without saying why: "
            "is this the URL of a control plane?"
        )
    wait = response.retry_after or ""
    return Refused(
        status=response.status,
        code=problem.code,
        title=problem.title,
        request_id=problem.request_id,
        detail=problem.detail,
        field=problem.field,
        request=problem.request,
        retry_after=int(wait) if wait.isascii() and wait.isdigit() else None,
    )
