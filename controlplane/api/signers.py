"""Signers, their state and their certificates."""

from controlplane.api import answers, schemas
from controlplane.api.endpoint import endpoint
from controlplane.domain.model import Caller
from controlplane.domain.page import PageRequest
from controlplane.errors import Code
from controlplane.service.explanation import Explanations
from controlplane.service.signers import Signers as Service

_LARGEST_CHAIN = 256 * 1024  # bytes


class Resource:
    """Base: the use cases of signers."""

    def __init__(self, signers: Service) -> None:
        self._signers = signers


class Signers(Resource):
    @endpoint("List the signers that the caller may see")
    def on_get(self, caller: Caller, query: schemas.PageQuery) -> answers.Items[answers.Signer]:
        page = self._signers.list(caller, PageRequest(query.limit, query.cursor))
        return answers.items(page, answers.signer)

    @endpoint(
        "Create a signer and its key pair",
        status=201,
        refusals=(
            Code.ADMIN_REQUIRED,
            Code.POLICY_NOT_FOUND,
            Code.SIGNER_EXISTS,
            Code.SIGNER_NAME_USED,
            Code.POLICY_CANNOT_BE_MET,
        ),
    )
    def on_post(self, caller: Caller, body: schemas.CreateSigner) -> answers.SignerInFull:
        return answers.signer_in_full(
            self._signers.create(
                caller,
                body.name,
                body.key,
                body.common_name,
                body.days,
                body.external,
                body.policy,
            )
        )


class Signer(Resource):
    @endpoint("Show a signer", refusals=(Code.SIGNER_NOT_FOUND,))
    def on_get(self, caller: Caller, name: str) -> answers.SignerInFull:
        return answers.signer_in_full(self._signers.get(caller, name))

    @endpoint(
        "Delete a signer and its private keys",
        status=204,
        refusals=(Code.ADMIN_REQUIRED, Code.SIGNER_NOT_FOUND),
    )
    def on_delete(self, caller: Caller, name: str) -> None:
        self._signers.delete(caller, name)


class SignerDisable(Resource):
    @endpoint("Disable a signer", refusals=(Code.ADMINISTRATOR_REQUIRED, Code.SIGNER_NOT_FOUND))
    def on_post(self, caller: Caller, name: str, body: schemas.Empty) -> answers.SignerInFull:
        return answers.signer_in_full(self._signers.disable(caller, name))


class SignerEnable(Resource):
    @endpoint("Enable a signer", refusals=(Code.ADMINISTRATOR_REQUIRED, Code.SIGNER_NOT_FOUND))
    def on_post(self, caller: Caller, name: str, body: schemas.Empty) -> answers.SignerInFull:
        return answers.signer_in_full(self._signers.enable(caller, name))


class SignerPolicy(Resource):
    @endpoint(
        "Give a signer a policy, or none",
        refusals=(
            Code.ADMINISTRATOR_REQUIRED,
            Code.SIGNER_NOT_FOUND,
            Code.POLICY_NOT_FOUND,
            Code.POLICY_CANNOT_BE_MET,
        ),
    )
    def on_post(self, caller: Caller, name: str, body: schemas.SetPolicy) -> answers.SignerInFull:
        return answers.signer_in_full(self._signers.set_policy(caller, name, body.policy))


class SignerRenew(Resource):
    @endpoint(
        "Give a signer a new key pair and certificate",
        refusals=(Code.ADMIN_REQUIRED, Code.SIGNER_NOT_FOUND),
    )
    def on_post(self, caller: Caller, name: str, body: schemas.RenewSigner) -> answers.SignerInFull:
        return answers.signer_in_full(self._signers.renew(caller, name, body.days))


class SignerCsr(Resource):
    @endpoint(
        "The PKCS#10 request of an external signer",
        refusals=(
            Code.ADMINISTRATOR_REQUIRED,
            Code.SIGNER_NOT_FOUND,
            Code.SIGNER_NOT_EXTERNAL,
        ),
    )
    def on_get(self, caller: Caller, name: str) -> answers.Csr:
        return answers.Csr(csr=self._signers.csr(caller, name))


class SignerCertificate(Resource):
    @endpoint(
        "A signer's certificate and chain",
        refusals=(Code.SIGNER_NOT_FOUND, Code.SIGNER_PENDING),
        otherwise={Code.SIGNER_PENDING: 409},
    )
    def on_get(self, caller: Caller, name: str) -> answers.SignerCertificate:
        return answers.signer_certificate(self._signers.certificate(caller, name))

    @endpoint(
        "Install the certificate of an external signer",
        refusals=(
            Code.ADMIN_REQUIRED,
            Code.SIGNER_NOT_FOUND,
            Code.SIGNER_NOT_EXTERNAL,
        ),
        largest_body=_LARGEST_CHAIN,
    )
    def on_post(
        self, caller: Caller, name: str, body: schemas.InstallCertificate
    ) -> answers.SignerInFull:
        return answers.signer_in_full(self._signers.install_certificate(caller, name, body.chain))


class SignerExplanation:
    def __init__(self, explanations: Explanations) -> None:
        self._explanations = explanations

    @endpoint(
        "Would a call to sign be allowed, and what is missing",
        refusals=(Code.SIGNER_NOT_FOUND, Code.IDENTITY_NOT_FOUND),
    )
    def on_get(self, caller: Caller, name: str, query: schemas.ExplainQuery) -> answers.Explanation:
        found = self._explanations.explain(caller, name, query.identity, query.hash)
        return answers.explanation(found)


class CaCertificate(Resource):
    @endpoint("The chain of the built-in CA, root last")
    def on_get(self, caller: Caller) -> answers.CaCertificate:
        return answers.CaCertificate(chain=self._signers.ca_certificate())
