"""Everything the PKCS#11 module needs to know, in one answer."""

from dataclasses import dataclass

from controlplane.domain.model import Caller
from controlplane.service.signers import SignerView


@dataclass(frozen=True, slots=True)
class CatalogueCertificate:
    sha256: str
    der: bytes


@dataclass(frozen=True, slots=True)
class CatalogueSigner:
    view: SignerView
    issuers: tuple[str, ...]  # SHA-256 of DER, the leaf's issuer first, root last


@dataclass(frozen=True, slots=True)
class CatalogueContent:
    signers: tuple[CatalogueSigner, ...]  # by number
    certificates: tuple[CatalogueCertificate, ...]  # each issuer once
    etag: str  # quoted, strong (RFC 9110 §8.8.3)


class Catalogue:
    def get(self, caller: Caller) -> CatalogueContent:
        raise NotImplementedError
