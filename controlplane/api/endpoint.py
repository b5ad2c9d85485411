"""A responder that is its own description.

`@endpoint` turns a typed method into a Falcon responder. What the method asks for by name it gets:
`request`, `caller` (unless the resource is public), `body` and `query` (structs, refused with the
field's name when they do not fit), `idempotency_key`, and the parts of the path. What it returns
is encoded. The OpenAPI document reads the same annotations, so the two cannot differ.

A plain method runs where waiting is allowed (`req.context.run`), its answer's encoding included;
a coroutine runs in the event loop, and waits for nothing else.
"""

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from inspect import iscoroutinefunction
from types import MappingProxyType
from typing import Any, Generic, Protocol, TypeVar, get_type_hints

import msgspec
from falcon.asgi import Request, Response

from controlplane.api.text import check_body, check_path, check_query, refuse_body
from controlplane.api.wanted import describe_misfit
from controlplane.domain.ranges import IDEMPOTENCY_KEY
from controlplane.domain.secret import ANY_PREFIX
from controlplane.errors import Code, Refused, invalid

JSON = "application/json"
SMALL_BODY = 64 * 1024  # bytes

T = TypeVar("T")


class Run(Protocol):
    """Calls it in a thread that may wait, and returns what it returns. Refused 503 overloaded."""

    def __call__(self, call: Callable[[], T], /) -> Awaitable[T]: ...


_SECRET = re.compile(ANY_PREFIX)
_VISIBLE = re.compile(r"[\x21-\x2b\x2d-\x7e]*")  # ASCII, no comma
_PLACE = re.compile(r" - at `(?:key in )?\$(.*)`$")
_NAMED = re.compile(r"(?:unknown|required) field `([^`]*)`")


@dataclass(frozen=True, slots=True)
class Encoded(Generic[T]):
    """A body that was encoded before: JSON, or what the endpoint answers in its place."""

    octets: bytes


@dataclass(frozen=True, slots=True)
class Answer(Generic[T]):
    """An answer that is not simply 'the endpoint's status, this body'."""

    body: T | Encoded[T] | None = None
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Stream:
    """NDJSON: lines as they are made, so that memory stays bounded."""

    lines: Iterator[bytes]


@dataclass(frozen=True, slots=True)
class Endpoint:
    summary: str
    status: int
    also: tuple[int, ...]  # other statuses of success
    refusals: tuple[Code, ...]  # beyond those of every endpoint
    proposes: bool  # 202 where others have to agree first
    otherwise: Mapping[Code, int]  # the status of a refusal, where it is not that of its code
    largest_body: int  # bytes
    media_type: str  # of the answer
    takes: str  # the media type of the body
    hints: Mapping[str, Any]

    @property
    def body(self) -> type[msgspec.Struct] | None:
        """None also of octets."""
        return None if self.takes_octets else self.hints.get("body")

    @property
    def takes_octets(self) -> bool:
        return self.hints.get("body") is bytes

    @property
    def query(self) -> type[msgspec.Struct] | None:
        return self.hints.get("query")

    @property
    def answer(self) -> Any:
        return self.hints["return"]


def endpoint(
    summary: str,
    *,
    status: int = 200,
    also: tuple[int, ...] = (),
    refusals: tuple[Code, ...] = (),
    proposes: bool = False,
    otherwise: Mapping[Code, int] = MappingProxyType({}),
    largest_body: int = SMALL_BODY,
    media_type: str = JSON,
    takes: str = JSON,
) -> Callable[[Callable[..., Any]], Callable[..., Awaitable[None]]]:
    """`summary` names the operation for people; statuses and refusals are what the document
    promises. `media_type`: of an answer that is not JSON; the method returns it as `Encoded`.
    `takes`: of a body that is not JSON; the method gets it as `bytes`."""

    def decorate(method: Callable[..., Any]) -> Callable[..., Awaitable[None]]:
        hints = get_type_hints(method)
        described = Endpoint(
            *(summary, status, also, refusals, proposes, otherwise, largest_body, media_type),
            takes,
            hints,
        )
        decoder = msgspec.json.Decoder(described.body) if described.body is not None else None
        is_quick = iscoroutinefunction(method)

        async def respond(resource: object, req: Request, resp: Response, **path: str) -> None:
            if otherwise:
                resp.context.otherwise = otherwise
            check_path(path)
            given: dict[str, Any] = dict(path)
            if "request" in hints:
                given["request"] = req
            if "caller" in hints:
                given["caller"] = req.context.caller
            if "idempotency_key" in hints:
                given["idempotency_key"] = read_idempotency_key(req)
            if described.takes_octets:
                given["body"] = await read_body(req, largest_body, takes)
            if decoder is not None:
                content = check_body(await read_body(req, largest_body))
                given["body"] = decode(decoder, content)
            if described.query is not None:
                given["query"] = _convert_query(req, described.query)
            elif check_query(req.params):
                name = min(req.params)
                raise invalid(name, f"{name}: nothing of that name is asked for here.")
            if is_quick:
                answer = _encoded(await method(resource, **given))
            else:
                answer = await req.context.run(lambda: _encoded(method(resource, **given)))
            _write(resp, described, answer, req.context.run)

        respond.__doc__ = summary
        respond.endpoint = described  # type: ignore[attr-defined]
        return respond

    return decorate


async def read_body(req: Request, largest: int, wanted: str = JSON) -> bytes:
    """The bytes of a body of this media type; of JSON, none count as the empty object."""
    if req.get_header("Transfer-Encoding") is not None:
        raise Refused(Code.LENGTH_REQUIRED, "A body needs a Content-Length.")
    length = req.content_length or 0
    if length > largest:
        raise Refused(
            Code.PAYLOAD_TOO_LARGE, f"The body may be {largest} bytes long, not {length}."
        )
    if length == 0:
        return b"{}" if wanted == JSON else b""
    media_type = (req.content_type or "").partition(";")[0].strip().lower()
    if media_type != wanted:
        raise Refused(
            Code.UNSUPPORTED_MEDIA_TYPE, f"The body must be {wanted}.", field="Content-Type"
        )
    data = await req.stream.read(length)
    if len(data) != length:
        raise Refused(Code.REQUEST_TIMEOUT, "The body did not arrive in time.")
    return bytes(data)


def decode(decoder: msgspec.json.Decoder[T], data: bytes) -> T:
    """
    Raises:
        Refused: 400 `invalid_request` that names the field.
    """
    try:
        return decoder.decode(data)
    except msgspec.ValidationError as error:
        raise _name_the_field(error, decoder.type) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise refuse_body(data) from None


def _convert_query(req: Request, wanted: type[msgspec.Struct]) -> msgspec.Struct:
    try:
        return msgspec.convert(check_query(req.params), wanted, strict=False)
    except msgspec.ValidationError as error:
        raise _name_the_field(error, wanted) from None


def _name_the_field(error: msgspec.ValidationError, wanted: type) -> Refused:
    """msgspec says 'what is wrong - at `$.pss.salt_length`'."""
    text = str(error)
    place = _PLACE.search(text)
    parent = place[1] if place else ""
    named = _NAMED.search(text)
    parts = [part for part in (parent.lstrip("."), named[1] if named else "") if part]
    what = (text[: place.start()] if place else text).rstrip(".")
    name = ".".join(parts) or "body"
    return invalid(name, f"{name}: {describe_misfit(what, parent, wanted)}.")


def read_idempotency_key(req: Request) -> str | None:
    key = req.get_header("Idempotency-Key")
    if key is not None and (len(key) not in IDEMPOTENCY_KEY or not _VISIBLE.fullmatch(key)):
        raise invalid(
            "Idempotency-Key",
            f"Idempotency-Key must be given once, as {IDEMPOTENCY_KEY} visible ASCII characters, "
            "no comma.",
        )
    if key is not None and _SECRET.search(key):  # it would stand in the log for ever
        raise invalid(
            "Idempotency-Key",
            "Idempotency-Key holds an API key, or what gets one; send any other text, new for "
            "each call. If others can have seen this request, revoke the key.",
        )
    return key


def _encoded(answer: object) -> Answer[Any] | Stream:
    """As it is sent: bytes, none, or pieces."""
    if isinstance(answer, msgspec.Struct):
        return Answer(Encoded(msgspec.json.encode(answer)))
    if isinstance(answer, Stream):
        return answer
    if not isinstance(answer, Answer):
        answer = Answer(answer)
    if answer.body is None or isinstance(answer.body, Encoded):
        return answer
    return replace(answer, body=Encoded(msgspec.json.encode(answer.body)))


def _write(resp: Response, described: Endpoint, answer: Answer[Any] | Stream, run: Run) -> None:
    resp.status = described.status
    if isinstance(answer, Stream):
        resp.content_type = "application/x-ndjson"
        resp.stream = _pieces(answer.lines, run)
        return
    resp.status = answer.status or described.status
    for name, value in answer.headers.items():
        resp.set_header(name, value)
    if isinstance(answer.body, Encoded):
        resp.content_type = described.media_type
        resp.data = answer.body.octets


async def _pieces(lines: Iterator[bytes], run: Run) -> AsyncIterator[bytes]:
    following = partial(next, lines, None)
    while (piece := await run(following)) is not None:
        yield piece
