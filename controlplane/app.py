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
    clock,
    enrolments,
    grants,
    groups,
    health,
    identities,
    jobs,
    log,
    members,
    notices,
    operations,
    policies,
    problems,
    proposals,
    recovery,
    reports,
    requests,
    settings,
    sign,
    signers,
    state,
    tiles,
    timestamps,
    witnesses,
)
from controlplane.api.endpoint import Run
from controlplane.api.metrics import Metrics, MetricsResource, product_version
from controlplane.api.middleware import Authentication, RequestId
from controlplane.api.openapi import OpenApi
from controlplane.audit.writer import settle
from controlplane.background.background import Background
from controlplane.background.jobs import MOST, jobs_of
from controlplane.errors import Code, Refused
from controlplane.service.commit import Settled
from controlplane.service.gate import Proposed
from controlplane.service.installation import Services, open_services
from controlplane.service.location import Location
from controlplane.service.rates import SharedPlaces

App = falcon.asgi.App[falcon.asgi.Request, falcon.asgi.Response]


def routes(
    services: Services, metrics: Metrics, *, metrics_named: bool = False
) -> list[tuple[str, object]]:
    """Every address that is served, with what serves it."""
    who, certs, rows = services.identities, services.signers, services.audit
    codes = services.enrolments
    return [
        ("/v1/health/live", health.LiveResource()),
        ("/v1/health/ready", health.ReadyResource(services)),
        ("/metrics", MetricsResource(metrics, services, named=metrics_named)),
        ("/v1/whoami", identities.WhoAmIResource(who, services.notices)),
        ("/v1/whoami/notices", notices.NoticesResource(services.notices)),
        ("/v1/identities", identities.IdentitiesResource(who, codes)),
        ("/v1/identities/{name}", identities.IdentityResource(who, codes)),
        ("/v1/identities/{name}/accept", identities.IdentityAcceptResource(who)),
        ("/v1/identities/{name}/disable", identities.IdentityDisableResource(who)),
        ("/v1/identities/{name}/enable", identities.IdentityEnableResource(who)),
        ("/v1/identities/{name}/keys", identities.ApiKeysResource(who)),
        ("/v1/identities/{name}/keys/{key_id}/revoke", identities.ApiKeyRevokeResource(who)),
        ("/v1/identities/{name}/enrolments", enrolments.EnrolmentsResource(codes)),
        ("/v1/enrol", enrolments.EnrolResource(codes)),
        ("/v1/groups", groups.GroupsResource(services.groups)),
        ("/v1/groups/{name}", groups.GroupResource(services.groups)),
        ("/v1/groups/{name}/members", groups.GroupMembersResource(services.groups)),
        ("/v1/groups/{name}/members/{identity}", groups.GroupMemberResource(services.groups)),
        ("/v1/recovery", recovery.RecoveryResource(services.suspensions)),
        ("/v1/recovery/confirm", recovery.RecoveryConfirmAllResource(services.suspensions)),
        (
            "/v1/recovery/{kind}/{suspended_id}/confirm",
            recovery.RecoveryConfirmResource(services.suspensions),
        ),
        ("/v1/state", state.StateResource(services.state)),
        ("/v1/recovery/accept-clock", clock.AcceptClockResource(services.clock_acceptance)),
        ("/v1/jobs", jobs.JobsResource(services.jobs)),
        ("/v1/settings", settings.SettingsResource(services.settings)),
        ("/v1/settings/{name}", settings.SettingResource(services.settings)),
        ("/v1/signers", signers.SignersResource(certs)),
        ("/v1/signers/{name}", signers.SignerResource(certs)),
        ("/v1/signers/{name}/disable", signers.SignerDisableResource(certs)),
        ("/v1/signers/{name}/enable", signers.SignerEnableResource(certs)),
        ("/v1/signers/{name}/undelete", signers.SignerUndeleteResource(certs)),
        ("/v1/signers/{name}/policy", signers.SignerPolicyResource(certs)),
        ("/v1/signers/{name}/explain", signers.SignerExplanationResource(services.explanations)),
        ("/v1/signers/{name}/renew", signers.SignerRenewResource(certs)),
        ("/v1/signers/{name}/csr", signers.SignerCsrResource(certs)),
        ("/v1/signers/{name}/certificate", signers.SignerCertificateResource(certs)),
        ("/v1/signers/{name}/members", members.MembersResource(services.members)),
        ("/v1/signers/{name}/members/{identity}", members.MemberResource(services.members)),
        ("/v1/signers/{name}/sign", sign.SignResource(services.signing, metrics)),
        ("/v1/signers/{name}/requests", requests.SignerRequestsResource(services.requests)),
        ("/v1/signers/{name}/grants", grants.SignerGrantsResource(services.grants)),
        ("/v1/policies", policies.PoliciesResource(services.policies)),
        ("/v1/policies/{name}", policies.PolicyResource(services.policies)),
        ("/v1/requests", requests.RequestsResource(services.requests)),
        ("/v1/requests/{request_id}", requests.RequestResource(services.requests)),
        ("/v1/requests/{request_id}/approve", requests.RequestApproveResource(services.requests)),
        ("/v1/requests/{request_id}/reject", requests.RequestRejectResource(services.requests)),
        ("/v1/requests/{request_id}/cancel", requests.RequestCancelResource(services.requests)),
        ("/v1/proposals", proposals.ProposalsResource(services.proposals)),
        ("/v1/proposals/{proposal_id}", proposals.ProposalResource(services.proposals)),
        (
            "/v1/proposals/{proposal_id}/approve",
            proposals.ProposalApproveResource(services.proposals),
        ),
        (
            "/v1/proposals/{proposal_id}/reject",
            proposals.ProposalRejectResource(services.proposals),
        ),
        (
            "/v1/proposals/{proposal_id}/cancel",
            proposals.ProposalCancelResource(services.proposals),
        ),
        ("/v1/grants", grants.GrantsResource(services.grants)),
        ("/v1/grants/{grant_id}", grants.GrantResource(services.grants)),
        ("/v1/grants/{grant_id}/revoke", grants.GrantRevokeResource(services.grants)),
        ("/v1/ca/certificate", signers.CaCertificateResource(certs)),
        ("/v1/timestamp", timestamps.TimestampResource(services.timestamps)),
        ("/v1/catalogue", catalogue.CatalogueResource(services.catalogue)),
        ("/v1/log/keys", log.LogKeysResource(services.log_keys)),
        *_tree_routes(services),
        ("/v1/operations", operations.OperationsResource(rows)),
        ("/v1/operations/export", operations.OperationsExportResource(rows)),
        ("/v1/operations/head", operations.OperationsHeadResource(rows)),
        ("/v1/operations/report", reports.ReportResource(rows)),
        ("/v1/operations/{operation_id}", operations.OperationResource(rows)),
        (
            "/v1/operations/{operation_id}/receipt",
            operations.OperationReceiptResource(services.receipts),
        ),
        ("/v1/operations/{operation_id}/report", reports.OperationReportResource(rows)),
    ]


def _tree_routes(services: Services) -> list[tuple[str, object]]:
    """What the log is to outsiders."""
    readers, published = services.log_readers, services.published_log
    checkpoint = tiles.LogCheckpointResource(readers, published, services.witnessing)
    return [
        ("/v1/log/checkpoint", checkpoint),
        ("/v1/log/tile/entries/{place:path}", tiles.LogEntriesResource(readers, published)),
        ("/v1/log/tile/{level}/{place:path}", tiles.LogTileResource(readers, published)),
        ("/v1/log/consistency", tiles.LogConsistencyResource(readers, published)),
        ("/v1/log/witnesses", witnesses.WitnessesResource(services.witnesses)),
        ("/v1/log/witnesses/{witness_id}", witnesses.WitnessResource(services.witnesses)),
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
        places: SharedPlaces | None,
        *,
        threads: int,
        metrics_named: bool,
        anchor: Path,
    ) -> None:
        """`places`: for `Rates`, which are shared. `anchor`: the file to note the head in."""
        self._location = location
        self._places = places
        self._metrics = Metrics(metrics_directory)
        self._metrics_named = metrics_named
        self._anchor = anchor
        self._threads = Threads(threads)
        # Besides: those of the writer, of the last uses and of the anchor, and one for each job.
        self._most_connections = threads + 3 + MOST
        self._services: Services | None = None
        self._background: Background | None = None

    def closed(self) -> App:
        """While the store cannot be opened: alive, and nothing else."""
        app = _bare([RequestId(self._metrics, self._threads.run)])
        app.add_route("/v1/health/live", health.LiveResource())
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
        self._services.keep_anchor(self._anchor, self._metrics.count_anchor_failure)
        app = create_app(
            self._services, self._metrics, self._threads.run, metrics_named=self._metrics_named
        )
        gc.collect()
        gc.freeze()  # what is there now stays: to look through it again and again stops everything
        self._background = Background(jobs_of(self._services), self._services.jobs, self._metrics)
        return app

    def close(self) -> None:
        """Returns when everything under way is done."""
        self._threads.close()
        if self._background is not None:
            self._background.close()
        if self._services is not None:
            self._services.close()


def _deliver(loop: asyncio.AbstractEventLoop, settled: Settled) -> None:
    try:
        loop.call_soon_threadsafe(settle, settled)
    except RuntimeError:  # the loop has ended, and those who wait are threads
        settle(settled)


async def _refuse(req: falcon.asgi.Request, resp: falcon.asgi.Response | None, **path: Any) -> None:
    raise Refused(
        Code.STORE_UNAVAILABLE,
        "The store cannot be used now; the server's log says why.",
        retry_after=1,
    )


def _bare(middleware: list[Any]) -> App:
    app: App = falcon.asgi.App(middleware=middleware)
    app.req_options.strip_url_path_trailing_slash = False
    app.req_options.keep_blank_qs_values = True
    app.add_error_handler(Exception, problems.answer_fault)
    app.add_error_handler(falcon.HTTPError, problems.answer_http_error)
    app.add_error_handler(Refused, problems.answer_refused)
    app.add_error_handler(Proposed, proposals.answer_proposed)
    return app
