"""Everything the PKCS#11 module needs to know, in one answer."""

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from threading import Lock

from controlplane.domain.instant import Clock
from controlplane.domain.model import Caller, SignerStatus
from controlplane.service.visibility import SignerView, list_visible
from controlplane.store.database import Store, read_epoch

MOST_REMEMBERED = 32 * 1024 * 1024  # octets of answers, in one process


@dataclass(frozen=True, slots=True)
class CatalogueCertificate:
    sha256: str
    der: bytes


@dataclass(frozen=True, slots=True)
class CatalogueSigner:
    view: SignerView
    issuers: tuple[str, ...]  # SHA-256 of DER, the leaf's issuer first, root last

    @property
    def status(self) -> SignerStatus:
        """Of those that every module knows."""
        deleting = self.view.status is SignerStatus.DELETING
        return SignerStatus.DISABLED if deleting else self.view.status


@dataclass(frozen=True, slots=True)
class CatalogueContent:
    signers: tuple[CatalogueSigner, ...]  # by number
    certificates: tuple[CatalogueCertificate, ...]  # each issuer once
    etag: str  # quoted, strong (RFC 9110 §8.8.3)


@dataclass(frozen=True, slots=True)
class RenderedCatalogue:
    etag: str
    body: bytes


class Catalogue:
    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._memory = _Memory()

    def get(self, caller: Caller) -> CatalogueContent:
        return self._look(caller, self._clock()).content

    def rendered(
        self, caller: Caller, render: Callable[[CatalogueContent], bytes]
    ) -> RenderedCatalogue:
        """As it is sent, remembered for as long as it is true: every cold start of a tool asks for
        it, and of many signers it takes longer to make than all the rest of a signature."""
        now, identity = self._clock(), caller.identity.id
        known = self._memory.find(identity, self._store.epoch(), now)
        if known is None:
            seen = self._look(caller, now)
            known = RenderedCatalogue(seen.content.etag, render(seen.content))
            self._memory.keep(identity, seen, known)
        return known

    def _look(self, caller: Caller, now: datetime) -> "_Seen":
        with self._store.read() as database:
            epoch = read_epoch(database)
            views = list_visible(database, caller.identity, 0, None, now)
        issuers: dict[str, bytes] = {}
        signers = []
        for view in views:
            chain = view.signer.certificate.chain if view.signer.certificate else ()
            hashes = tuple(hashlib.sha256(der).hexdigest() for der in chain)
            issuers.update(zip(hashes, chain, strict=True))
            signers.append(CatalogueSigner(view, hashes))
        content = CatalogueContent(
            tuple(signers),
            tuple(CatalogueCertificate(sha256, der) for sha256, der in issuers.items()),
            _etag(signers),
        )
        return _Seen(epoch, _end(views), content)


@dataclass(frozen=True, slots=True)
class _Seen:
    """True under this epoch, until time alone makes it untrue."""

    epoch: int
    end: datetime | None
    content: CatalogueContent


class _Memory:
    """Of one epoch, the answers that were asked for last. Threads share it."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._epoch = -1
        self._known: OrderedDict[str, tuple[datetime | None, RenderedCatalogue]] = OrderedDict()
        self._size = 0

    def find(self, identity: str, epoch: int, now: datetime) -> RenderedCatalogue | None:
        with self._lock:
            if epoch != self._epoch or identity not in self._known:
                return None
            end, rendered = self._known[identity]
            if end is not None and now >= end:
                return None
            self._known.move_to_end(identity)
            return rendered

    def keep(self, identity: str, seen: _Seen, rendered: RenderedCatalogue) -> None:
        with self._lock:
            if seen.epoch < self._epoch:
                return  # another thread knows better
            if seen.epoch > self._epoch:
                self._epoch = seen.epoch
                self._known.clear()
                self._size = 0
            if identity in self._known:
                self._size -= len(self._known.pop(identity)[1].body)
            self._known[identity] = (seen.end, rendered)
            self._size += len(rendered.body)
            while self._size > MOST_REMEMBERED:
                _, (_, forgotten) = self._known.popitem(last=False)
                self._size -= len(forgotten.body)


def _end(views: Iterable[SignerView]) -> datetime | None:
    """Of the first certificate, or signer, that ends."""
    return min((end for view in views if (end := _end_of(view)) is not None), default=None)


def _end_of(view: SignerView) -> datetime | None:
    signer = view.signer
    if view.status is SignerStatus.ACTIVE and signer.certificate is not None:
        return signer.certificate.usable_until
    return signer.deletes_at


def _etag(signers: Iterable[CatalogueSigner]) -> str:
    """Over all that can change; what an id stands for cannot."""
    digest = hashlib.sha256()
    for each in signers:
        signer = each.view.signer
        leaf = signer.certificate.der if signer.certificate else b""
        parts = (signer.id, each.status, each.view.role, signer.public_key.hex(), leaf.hex())
        digest.update(repr((*parts, each.issuers)).encode())
    return f'"{digest.hexdigest()}"'
