"""Everything the PKCS#11 module needs to know, in one answer."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from controlplane.domain.instant import Clock
from controlplane.domain.model import Caller
from controlplane.service.visibility import SignerView, list_visible
from controlplane.store.database import Store


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
    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def get(self, caller: Caller) -> CatalogueContent:
        with self._store.read() as database:
            views = list_visible(database, caller.identity, 0, None, self._clock())
        issuers: dict[str, bytes] = {}
        signers = []
        for view in views:
            chain = view.signer.certificate.chain if view.signer.certificate else ()
            hashes = tuple(hashlib.sha256(der).hexdigest() for der in chain)
            issuers.update(zip(hashes, chain, strict=True))
            signers.append(CatalogueSigner(view, hashes))
        return CatalogueContent(
            tuple(signers),
            tuple(CatalogueCertificate(sha256, der) for sha256, der in issuers.items()),
            _etag(signers),
        )


def _etag(signers: Iterable[CatalogueSigner]) -> str:
    """Over all that can change; what an id stands for cannot."""
    digest = hashlib.sha256()
    for each in signers:
        signer = each.view.signer
        leaf = signer.certificate.der if signer.certificate else b""
        parts = (signer.id, each.view.status, each.view.role, signer.public_key.hex(), leaf.hex())
        digest.update(repr((*parts, each.issuers)).encode())
    return f'"{digest.hexdigest()}"'
