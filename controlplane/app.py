"""The ASGI application, wired: resources get their collaborators here, nothing is global."""

import asyncio
import gc
from functools import partial
from pathlib import Path
from typing import Any

import falcon
import falcon.asgi

from controlplane.admission.threads import Threads
from controlplane.api import (
    catalogue,
    grants,
    health,
    identities,
    members,
    operations,
    policies,
    problems,
    requests,
    sign,
    signers,
)
from controlplane.api.endpoint import Run
from controlplane.api.metrics import Metrics, MetricsResource, product_version
from controlplane.api.middleware import Authentication, RequestId
from controlplane.api.openapi import OpenApi
from controlplane.audit.writer import settle
from controlplane.errors import Refused
from controlplane.service.commit import Settled
from controlplane.service.installation import Services, open_services
from controlplane.service.location import Location
from controlplane.service.rates import Places

App = falcon.asgi.App[falcon.asgi.Request, falcon.asgi.Response]


def routes(
    services: Services, metrics: Metrics, *, metrics_named: bool = False
) -> list[tuple[str, object]]:
    """Every address that is served, with what serves it."""
    who, certs, log = services.identities, services.signers, services.audit
    return [
        ("/v1/health/live", health.Live()),
        ("/v1/health/ready", health.Ready(services)),
        ("/metrics", MetricsResource(metrics, services, named=metrics_named)),
        ("/v1/whoami", identities.WhoAmI()),
        ("/v1/identities", identities.Identities(who)),
        ("/v1/identities/{name}", identities.Identity(who)),
        ("/v1/identities/{name}/disable", identities.IdentityDisable(who)),
        ("/v1/identities/{name}/enable", identities.IdentityEnable(who)),
        ("/v1/identities/{name}/keys", identities.ApiKeys(who)),
        ("/v1/identities/{name}/keys/{key_id}/revoke", identities.ApiKeyRevoke(who)),
        ("/v1/signers", signers.Signers(certs)),
        ("/v1/signers/{name}", signers.Signer(certs)),
        ("/v1/signers/{name}/disable", signers.SignerDisable(certs)),
        ("/v1/signers/{name}/enable", signers.SignerEnable(certs)),
        ("/v1/signers/{name}/policy", signers.SignerPolicy(certs)),
        ("/v1/signers/{name}/explain", signers.SignerExplanation(services.explanations)),
        ("/v1/signers/{name}/renew", signers.SignerRenew(certs)),
        ("/v1/signers/{name}/csr", signers.SignerCsr(certs)),
        ("/v1/signers/{name}/certificate", signers.SignerCertificate(certs)),
        ("/v1/signers/{name}/members", members.Members(services.members)),
        ("/v1/signers/{name}/members/{identity}", members.Member(services.members)),
        ("/v1/signers/{name}/sign", sign.Sign(services.signing, metrics)),
        ("/v1/signers/{name}/requests", requests.SignerRequests(services.requests)),
        ("/v1/signers/{name}/grants", grants.SignerGrants(services.grants)),
        ("/v1/policies", policies.Policies(services.policies)),
        ("/v1/policies/{name}", policies.Policy(services.policies)),
        ("/v1/requests", requests.Requests(services.requests)),
        ("/v1/requests/{request_id}", requests.Request(services.requests)),
        ("/v1/requests/{request_id}/approve", requests.RequestApprove(services.requests)),
        ("/v1/requests/{request_id}/reject", requests.RequestReject(services.requests)),
        ("/v1/requests/{request_id}/cancel", requests.RequestCancel(services.requests)),
        ("/v1/grants", grants.Grants(services.grants)),
        ("/v1/grants/{grant_id}", grants.Grant(services.grants)),
        ("/v1/grants/{grant_id}/revoke", grants.GrantRevoke(services.grants)),
        ("/v1/ca/certificate", signers.CaCertificate(certs)),
        ("/v1/catalogue", catalogue.Catalogue(services.catalogue)),
        ("/v1/operations", operations.Operations(log)),
        ("/v1/operations/export", operations.OperationsExport(log)),
        ("/v1/operations/head", operations.OperationsHead(log)),
        ("/v1/operations/{operation_id}", operations.Operation(log)),
    ]


def create_app(
    services: Services, metrics: Metrics, run: Run, *, metrics_named: bool = False
) -> App:
    """`run` is where services are called; `metrics_named` shows names of signers to everybody."""
    app = _bare([RequestId(metrics, run), Authentication(services, metrics)])
    description = OpenApi()
    served = [
        *routes(services, metrics, metrics_named=metrics_named),
        ("/v1/openapi.json", description),
    ]
    description.describe(served, product_version())
    for template, resource in served:
        if hasattr(resource, "on_get"):
            resource.on_head = resource.on_get  # type: ignore[attr-defined]  # RFC 9110 §9.3.2
        app.add_route(template, resource)
    return app


class Process:
    """What one process of the server serves, and over what. Nothing of the store is shared between
    processes: it is opened here, after the fork."""

    def __init__(
        self,
        location: Location,
        metrics_directory: Path | None,
        places: Places | None,
        *,
        threads: int,
        metrics_named: bool,
    ) -> None:
        """`places`: for `Rates`, which are shared."""
        self._location = location
        self._places = places
        self._metrics = Metrics(metrics_directory)
        self._metrics_named = metrics_named
        self._threads = Threads(threads)
        self._most_connections = threads + 1  # the writer's
        self._services: Services | None = None

    def closed(self) -> App:
        """While the store cannot be opened: alive, and nothing else."""
        app = _bare([RequestId(self._metrics, self._threads.run)])
        app.add_route("/v1/health/live", health.Live())
        app.add_sink(_refuse)
        return app

    def open(self, loop: asyncio.AbstractEventLoop) -> App:
        """`loop`: that will serve it. Refused as `open_services`."""
        self._services = open_services(
            self._location,
            most_connections=self._most_connections,
            places=self._places,
            deliver=partial(_deliver, loop),
        )
        app = create_app(
            self._services, self._metrics, self._threads.run, metrics_named=self._metrics_named
        )
        gc.collect()
        gc.freeze()  # what is there now stays: to look through it again and again stops everything
        return app

    def close(self) -> None:
        """Returns when everything under way is done."""
        self._threads.close()
        if self._services is not None:
            self._services.close()


def _deliver(loop: asyncio.AbstractEventLoop, settled: Settled) -> None:
    try:
        loop.call_soon_threadsafe(settle, settled)
    except RuntimeError:  # the loop has ended, and those who wait are threads
        settle(settled)


async def _refuse(req: falcon.asgi.Request, resp: falcon.asgi.Response | None, **path: Any) -> None:
    raise Refused(
        "store_unavailable",
        "The store cannot be used now; the server's log says why.",
        status=503,
        retry_after=1,
    )


def _bare(middleware: list[Any]) -> App:
    app: App = falcon.asgi.App(middleware=middleware)
    app.req_options.strip_url_path_trailing_slash = False
    app.req_options.keep_blank_qs_values = True
    app.add_error_handler(Exception, problems.answer_fault)
    app.add_error_handler(falcon.HTTPError, problems.answer_http_error)
    app.add_error_handler(Refused, problems.answer_refused)
    return app
