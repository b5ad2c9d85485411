"""Refusals as problem documents (RFC 9457) with a stable `code` and the request's id."""

import random

import falcon
import msgspec
import structlog
from falcon.asgi import Request, Response

from controlplane.api.refusals import REFUSALS
from controlplane.domain.text import shorten
from controlplane.errors import Altered, Code, Refused
from controlplane.logging import request_id

MEDIA_TYPE = "application/problem+json"
_MOST_OF_TITLE = 4096  # characters; a title may repeat what the caller sent
_MOST_OF_FIELD = 256

_log = structlog.get_logger()


class Problem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Why a request was not served."""

    type: str
    title: str
    status: int
    code: str
    request_id: str
    field: str | None = None  # dotted name of the part of the request that is at fault
    request: str | None = None  # id of the pending request for approval that could lift it


_FALCON_CODES = {
    400: Code.INVALID_REQUEST,
    404: Code.NOT_FOUND,
    405: Code.METHOD_NOT_ALLOWED,
    406: Code.NOT_ACCEPTABLE,
    413: Code.PAYLOAD_TOO_LARGE,
    415: Code.UNSUPPORTED_MEDIA_TYPE,
}
_FALCON_TITLES = {
    404: "There is nothing at this address.",
    405: "This address does not take that method.",
}


def new_request_id() -> str:
    return f"{random.getrandbits(128):032x}"  # to be told apart, not kept secret


def outside_a_request(
    status: int, code: Code, title: str, field: str | None = None
) -> tuple[str, bytes]:
    """For answers below the application: a fresh request id and the encoded document."""
    made_up = new_request_id()
    return made_up, _encode(status, code, title, made_up, field)


async def answer_refused(req: Request, resp: Response, refused: Refused, params: object) -> None:
    """With the status of its code, unless the endpoint that was called gives it another one."""
    if refused.code not in REFUSALS:
        await answer_fault(req, resp, refused, params)
        return
    if isinstance(refused, Altered):
        resp.context.altered = refused.what
    otherwise = resp.context.get("otherwise") or {}
    status = otherwise.get(refused.code, REFUSALS[refused.code].status)
    _answer(resp, status, refused.code, refused.title, refused.field, refused.request)
    if refused.retry_after is not None:
        resp.set_header("Retry-After", str(refused.retry_after))
    if status == 401:
        resp.set_header("WWW-Authenticate", "Bearer")


async def answer_http_error(
    _req: Request, resp: Response, error: falcon.HTTPError, _params: object
) -> None:
    """What Falcon refuses by itself: unknown addresses and methods."""
    status = error.status_code
    for name, value in (error.headers or {}).items() if isinstance(error.headers, dict) else ():
        resp.set_header(name, value)
    title = _FALCON_TITLES.get(status) or error.description or error.title or "Refused."
    _answer(resp, status, _FALCON_CODES.get(status, Code.INVALID_REQUEST), title)


async def answer_fault(req: Request, resp: Response, fault: Exception, _params: object) -> None:
    """A bug or a broken machine: the caller gets the request's id, the log gets the rest."""
    _log.error("request_failed", method=req.method, path=req.path, exc_info=fault)
    title = "The server failed; its log has more under request_id."
    _answer(resp, 500, Code.INTERNAL_ERROR, title)


def _answer(
    resp: Response,
    status: int,
    code: Code,
    title: str,
    field: str | None = None,
    request: str | None = None,
) -> None:
    resp.status = status
    resp.content_type = MEDIA_TYPE
    resp.context.code = code
    resp.data = _encode(status, code, title, request_id.get() or "", field, request)


def _encode(
    status: int,
    code: Code,
    title: str,
    current: str,
    field: str | None = None,
    request: str | None = None,
) -> bytes:
    return msgspec.json.encode(
        Problem(
            type="about:blank",
            title=shorten(title, _MOST_OF_TITLE),
            status=status,
            code=code,
            request_id=current,
            field=None if field is None else shorten(field, _MOST_OF_FIELD),
            request=request,
        )
    )
