"""The WSGI application, wired: resources get their collaborators here, nothing is global."""

import falcon

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
from controlplane.api.metrics import Metrics, MetricsResource, product_version
from controlplane.api.middleware import Authentication, Connections, RequestId
from controlplane.api.openapi import OpenApi
from controlplane.errors import Refused
from controlplane.service.installation import Services

App = falcon.App[falcon.Request, falcon.Response]


def routes(services: Services, metrics: Metrics) -> list[tuple[str, object]]:
    """Every address that is served, with what serves it."""
    who, certs, log = services.identities, services.signers, services.audit
    return [
        ("/v1/health/live", health.Live()),
        ("/v1/health/ready", health.Ready(services)),
        ("/metrics", MetricsResource(metrics, certs)),
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


def create_app(services: Services, metrics: Metrics) -> App:
    app: App = falcon.App(
        middleware=[
            RequestId(metrics),
            Connections(services),
            Authentication(services.identities, metrics),
        ]
    )
    app.req_options.strip_url_path_trailing_slash = False
    app.req_options.keep_blank_qs_values = True
    app.add_error_handler(Exception, problems.answer_fault)
    app.add_error_handler(falcon.HTTPError, problems.answer_http_error)
    app.add_error_handler(Refused, problems.answer_refused)
    description = OpenApi()
    served = [*routes(services, metrics), ("/v1/openapi.json", description)]
    description.describe(served, product_version())
    for template, resource in served:
        app.add_route(template, resource)
    return app
