"""What the PKCS#11 module needs to know, in one unpaged answer."""

from datetime import datetime

import msgspec
from falcon.asgi import Request

from controlplane.api.endpoint import Answer, Encoded, endpoint
from controlplane.api.operations import HexSha256
from controlplane.api.structs import Shown, made
from controlplane.domain.model import Caller, KeyAlgorithm, MemberRole, SignerStatus
from controlplane.service.catalogue import Catalogue as Service
from controlplane.service.catalogue import CatalogueContent, CatalogueSigner


class CatalogueEntry(Shown, frozen=True):
    id: str
    number: int
    name: str
    status: SignerStatus
    role: MemberRole | None
    key: KeyAlgorithm
    public_key: bytes
    certificate: bytes | None
    certificate_serial: str | None
    not_after: datetime | None
    usable_until: datetime | None
    issuers: list[HexSha256]


class CatalogueCertificate(Shown, frozen=True):
    sha256: HexSha256
    der: bytes


class Catalogue(Shown, frozen=True):
    signers: list[CatalogueEntry]
    certificates: list[CatalogueCertificate]


class CatalogueResource:
    def __init__(self, catalogue: Service) -> None:
        self._catalogue = catalogue

    @endpoint("The caller's signers with keys and certificates", also=(304,))
    def on_get(self, request: Request, caller: Caller) -> Answer[Catalogue]:
        rendered = self._catalogue.rendered(caller, _render)
        headers = {"ETag": rendered.etag, "Cache-Control": "private, no-cache"}
        if names_etag(request.get_header("If-None-Match"), rendered.etag):
            return Answer(status=304, headers=headers)
        return Answer(Encoded(rendered.body), headers=headers)


def _render(content: CatalogueContent) -> bytes:
    return msgspec.json.encode(_catalogue(content))


def names_etag(if_none_match: str | None, etag: str) -> bool:
    """RFC 9110 §13.1.2: weak comparison against any of the list."""
    candidates = (each.strip().removeprefix("W/") for each in (if_none_match or "").split(","))
    return any(each in (etag, "*") for each in candidates)


def _catalogue(of: CatalogueContent) -> Catalogue:
    return Catalogue(
        signers=[_entry(each) for each in of.signers],
        certificates=[made(CatalogueCertificate, each) for each in of.certificates],
    )


def _entry(of: CatalogueSigner) -> CatalogueEntry:
    signer, certificate = of.view.signer, of.view.signer.certificate
    return made(
        CatalogueEntry,
        signer,
        status=of.status,
        role=of.view.role,
        certificate=None if certificate is None else certificate.der,
        certificate_serial=None if certificate is None else certificate.serial,
        not_after=None if certificate is None else certificate.not_after,
        usable_until=None if certificate is None else certificate.usable_until,
        issuers=of.issuers,
    )
