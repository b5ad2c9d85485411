"""What happens around every request: its id, who calls, its metrics and its log line."""

import time

import structlog
from falcon.asgi import Request, Response

from controlplane.api import problems
from controlplane.api.credentials import address_of, read_api_key
from controlplane.api.endpoint import Run
from controlplane.api.metrics import Metrics
from controlplane.api.notices import tell_number
from controlplane.api.refusals import status_of
from controlplane.domain import permissions
from controlplane.errors import Code, Refused
from controlplane.logging import request_id
from controlplane.service.installation import Services

_log = structlog.get_logger()


class RequestId:
    """The outermost: every answer and log line carries the id, the log line comes last."""

    def __init__(self, metrics: Metrics, run: Run) -> None:
        self._metrics = metrics
        self._run = run

    async def process_request(self, req: Request, resp: Response) -> None:
        current = problems.new_request_id()
        request_id.set(current)
        resp.set_header("X-Request-ID", current)
        resp.set_header("Cache-Control", "no-store")
        req.context.started = time.perf_counter()
        req.context.caller = None
        req.context.address = address_of(req)
        req.context.run = self._run
        refused: Refused | None = req.scope.get("refused")
        if refused is not None:  # before it came here
            raise refused

    async def process_response(
        self, req: Request, resp: Response, _resource: object, _succeeded: bool
    ) -> None:
        seconds = time.perf_counter() - req.context.started
        route = req.uri_template or "unknown"
        self._metrics.observe(_known_method(req.method), route, resp.status_code, seconds)
        if resp.context.get("altered") is not None:
            self._metrics.count_altered(resp.context.altered)
        caller = req.context.caller
        _log.info(
            "request",
            method=req.method,
            path=req.path,
            status=resp.status_code,
            code=resp.context.get("code"),
            caller=None if caller is None else caller.identity.name,
            address=req.context.address,
            milliseconds=round(seconds * 1000, 2),
        )


class Authentication:
    """Before any resource that is not public: who calls, and whether they call too often."""

    def __init__(self, services: Services, metrics: Metrics) -> None:
        self._services = services
        self._metrics = metrics

    async def process_resource(
        self, req: Request, _resp: Response, resource: object, params: dict[str, str]
    ) -> None:
        if getattr(resource, "public", False):
            return
        key, address = read_api_key(req), req.context.address
        if key is None and getattr(resource, "takes_strangers", False):
            return  # the service says whether they may
        if getattr(resource, "confirms_caller", False):
            req.context.caller = self._services.identities.recognise(key, address)
            if req.context.caller is not None:
                await self._let_in(req)
                return
        try:
            req.context.caller = await req.context.run(
                lambda: self._services.identities.authenticate(
                    key, address, for_evidence=getattr(resource, "shows_evidence", False)
                )
            )
        except Refused as refused:
            if status_of(refused.code) == 401 and "call" in req.scope:
                req.scope["call"].turn_away()
            if refused.code is Code.API_KEY_UNKNOWN:
                self._metrics.count_unknown_key()
            record = getattr(resource, "on_unauthenticated", None)
            if record is not None and req.method == "POST":
                await record(req, refused, **params)
            raise
        await self._let_in(req)
        if not getattr(resource, "confirms_caller", False):
            self._services.check_rate(req.context.caller)

    async def process_response(
        self, req: Request, resp: Response, resource: object, _succeeded: bool
    ) -> None:
        """Calls to sign are counted where their rows are made."""
        caller = req.context.caller
        if caller is None or getattr(resource, "confirms_caller", False):
            return
        changed = req.method not in ("GET", "HEAD") and not permissions.is_admin(caller.identity)
        if changed or resp.status_code in _REFUSED:
            self._services.count_towards_rate(caller)
        await tell_number(req, resp, self._services.notices)

    async def _let_in(self, req: Request) -> None:
        """Whoever looks after callers, if anybody does, hears that this one is known."""
        self._services.note_use(req.context.caller, req.context.address)
        if "call" in req.scope:
            await req.scope["call"].let_in()


_REFUSED = (403, 404, 409)


_METHODS = {"GET", "POST", "DELETE", "PUT", "PATCH", "HEAD", "OPTIONS"}


def _known_method(method: str) -> str:
    """Callers must not be able to make metrics grow."""
    return method if method in _METHODS else "other"
