"""A small real installation: an admin, and whoever and whatever a test asks for."""

import hashlib
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from peewee import Database

from controlplane.domain.action import Action
from controlplane.domain.instant import now
from controlplane.domain.model import (
    Caller,
    Client,
    EcdsaEncoding,
    HashAlgorithm,
    IdentityKind,
    KeyAlgorithm,
    MemberRole,
    Policy,
    Scheme,
    ServerRole,
    SignCall,
    Step,
    Terms,
)
from controlplane.domain.operation import Operation, OperationFilter
from controlplane.domain.page import PageRequest
from controlplane.domain.policy import TermsEdit
from controlplane.domain.ranges import DELETION
from controlplane.domain.signer import SignerDescription
from controlplane.keys.master_key import load_master_key
from controlplane.service.changes import record
from controlplane.service.installation import bless, existing_store, initialise, open_services
from controlplane.service.location import Location
from controlplane.service.signers import SignerView
from controlplane.store.state import State

DIGEST = hashlib.sha256(b"release.jar").digest()
A_TIMESTAMP_QUERY = bytes.fromhex(
    "303902010130" + "31300d060960864801650304020105000420" + DIGEST.hex() + "0101ff"
)
"""In DER (RFC 3161 §2.4.1): for that digest, with the chain."""


def a_call(signer: str = "release", **different: object) -> SignCall:
    """ECDSA over a SHA-256 digest, in DER, unless told otherwise."""
    call = SignCall(
        signer=signer,
        scheme=Scheme("ecdsa"),
        hash=HashAlgorithm.SHA256,
        digest=DIGEST,
        message=None,
        pss=None,
        ecdsa_encoding=EcdsaEncoding.DER,
        client=Client(tool="pytest"),
        certificate_serial=None,
        idempotency_key=None,
    )
    return replace(call, **different)  # type: ignore[arg-type]


def edit_to(terms: Terms) -> TermsEdit:
    """All of them."""
    return TermsEdit(**{each.name: getattr(terms, each.name) for each in fields(terms)})


class SetClock:
    """The real time and so much more as a test lets pass; or none but that."""

    def __init__(self) -> None:
        self._ahead = timedelta()
        self._frozen: datetime | None = None

    def __call__(self) -> datetime:
        return (self._frozen or datetime.now(UTC)) + self._ahead

    def advance(self, **span: float) -> None:
        self._ahead += timedelta(**span)

    def freeze(self) -> None:
        """From now on only `advance` moves it."""
        self._frozen = datetime.now(UTC)


@contextmanager
def by_hand(location: Location) -> Iterator[Database]:
    """A write of what no call leads to, or not soon enough; afterwards it is taken for what the
    server left."""
    store = existing_store(location)
    key = load_master_key(location.recalled().master_key_path).derive("state")
    with store.closing(), store.change() as database:
        yield database
        for _ in bless(database, State(key)):
            record(database, None, Action.INSTALLATION_UPGRADE, "schema", at=now())


class World:
    def __init__(self, data_dir: Path, database: str | None = None) -> None:
        self.location = Location(data_dir, database)
        self.clock = SetClock()
        first = initialise(self.location)
        self.admin_key = first.api_key
        self.services = open_services(self.location, self.clock)
        self.admin = self.services.identities.authenticate(first.api_key)
        self.callers = {"admin": self.admin}  # by name, those whom `identity` made

    def copy_to(self, data_dir: Path) -> "World":
        """Another installation, as this one is on disk; open as this one was."""
        other = copy(self)
        shutil.copytree(self.location.data_dir, data_dir)
        other.location, other.clock = Location(data_dir), SetClock()
        other.services = open_services(other.location, other.clock)
        return other

    def identity(
        self,
        name: str,
        kind: IdentityKind = IdentityKind.USER,
        role: ServerRole | None = None,
        owner: str | None = None,
    ) -> Caller:
        """A machine with an owner is accepted by them."""
        identities = self.services.identities
        created = identities.create(self.admin, name, kind, role, owner)
        if owner is not None and owner != "admin":
            identities.accept(self.callers[owner], name)
        self.callers[name] = identities.authenticate(created.api_key)
        return self.callers[name]

    def enrolled(
        self,
        name: str,
        kind: IdentityKind = IdentityKind.USER,
        role: ServerRole | None = None,
        owner: str | None = None,
    ) -> Caller:
        """With a key that nobody else ever saw."""
        enrolments = self.services.enrolments
        code = enrolments.create_identity(self.admin, name, kind, role, owner).code
        return self.services.identities.authenticate(enrolments.use(code, None).new.api_key)

    def machine_key(self, name: str) -> str:
        """The API key of a new machine."""
        kind = IdentityKind.MACHINE
        return self.services.identities.create(self.admin, name, kind).api_key

    def signer(
        self,
        name: str = "release",
        key: KeyAlgorithm = KeyAlgorithm.P256,
        *,
        external: bool = False,
        policy: str | None = None,
        **members: MemberRole,
    ) -> SignerView:
        create = self.services.signers.create
        view = create(
            self.admin, SignerDescription(name, key, f"ACME {name}", external), policy=policy
        )
        for identity, role in members.items():
            self.services.members.add(self.admin, name, identity, role)
        return view

    def delete_signer(self, name: str) -> None:
        """Until it is gone, a day later."""
        self.services.signers.disable(self.admin, name)
        self.services.signers.delete(self.admin, name, DELETION.least)
        self.clock.advance(seconds=DELETION.least)

    def policy(
        self,
        name: str = "release-policy",
        *steps: Step,
        max_window_seconds: int | None = 3600,
        max_signings: int | None = 5,
        request_ttl_seconds: int | None = None,
        hashes: tuple[HashAlgorithm, ...] = (),
    ) -> Policy:
        terms = Terms(max_window_seconds, max_signings, steps, request_ttl_seconds, hashes)
        return self.services.policies.create(self.admin, name, terms).policy

    def rows(self, **where: object) -> list[Operation]:
        """Newest first."""
        chosen = OperationFilter(**where)  # type: ignore[arg-type]
        return list(self.services.audit.list(self.admin, chosen, PageRequest(1000)).items)

    def last_row(self) -> Operation:
        return self.services.audit.list(self.admin, OperationFilter(), PageRequest(1)).items[0]
