"""What happens around every request: its id, who calls, its metrics and its log line."""

import time
from collections.abc import Iterator

import falcon
import structlog

from controlplane.api import problems
from controlplane.api.metrics import Metrics
from controlplane.errors import Refused, invalid
from controlplane.logging import request_id
from controlplane.service.identities import Identities
from controlplane.service.installation import Services

_log = structlog.get_logger()


class RequestId:
    """The outermost: every answer and log line carries the id, the log line comes last."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def process_request(self, req: falcon.Request, resp: falcon.Response) -> None:
        current = problems.new_request_id()
        request_id.set(current)
        resp.set_header("X-Request-ID", current)
        resp.set_header("Cache-Control", "no-store")
        req.context.started = time.perf_counter()
        req.context.caller = None

    def process_response(
        self, req: falcon.Request, resp: falcon.Response, _resource: object, _succeeded: bool
    ) -> None:
        seconds = time.perf_counter() - req.context.started
        route = req.uri_template or "unknown"
        self._metrics.observe(_known_method(req.method), route, resp.status_code, seconds)
        caller = req.context.caller
        _log.info(
            "request",
            method=req.method,
            path=req.path,
            status=resp.status_code,
            code=resp.context.get("code"),
            caller=None if caller is None else caller.identity.name,
            address=req.remote_addr,
            milliseconds=round(seconds * 1000, 2),
        )
        request_id.set(None)


class Connections:
    """A thread's connection to the store lives no longer than its request."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def process_response(
        self, _req: falcon.Request, resp: falcon.Response, _resource: object, _succeeded: bool
    ) -> None:
        if isinstance(resp.stream, Iterator):
            resp.stream = self._released_after(resp.stream)
        else:
            self._services.release_connection()

    def _released_after(self, stream: Iterator[bytes]) -> Iterator[bytes]:
        try:
            yield from stream
        finally:
            self._services.release_connection()


class Authentication:
    """Before any resource that is not public."""

    def __init__(self, identities: Identities, metrics: Metrics) -> None:
        self._identities = identities
        self._metrics = metrics

    def process_resource(
        self, req: falcon.Request, _resp: falcon.Response, resource: object, params: dict[str, str]
    ) -> None:
        if getattr(resource, "public", False):
            return
        try:
            req.context.caller = self._identities.authenticate(
                _api_key(req), confirmed_later=getattr(resource, "confirms_caller", False)
            )
        except Refused as refused:
            if refused.code == "api_key_unknown":
                self._metrics.count_unknown_key()
            record = getattr(resource, "on_unauthenticated", None)
            if record is not None and req.method == "POST":
                record(req, refused, **params)
            raise


def _api_key(req: falcon.Request) -> str | None:
    header = req.get_header("Authorization")
    if header is None:
        return None
    if "," in header:  # how WSGI shows a header that was sent twice
        raise invalid("Authorization", "Authorization must be given once.")
    scheme, _, key = header.partition(" ")
    if scheme.lower() != "bearer":
        return None
    return key.strip() or None


_METHODS = {"GET", "POST", "DELETE", "PUT", "PATCH", "HEAD", "OPTIONS"}


def _known_method(method: str) -> str:
    """Callers must not be able to make metrics grow."""
    return method if method in _METHODS else "other"
