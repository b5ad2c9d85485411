"""Named code signers: their keys, certificates and state."""

from dataclasses import dataclass, fields, replace
from datetime import datetime

from peewee import Database

from controlplane.certificates.reading import to_pem
from controlplane.certificates.request import make_request
from controlplane.domain import permissions
from controlplane.domain.action import Action
from controlplane.domain.identifier import new_id
from controlplane.domain.instant import Clock
from controlplane.domain.keys import KeyedSigner, Purpose
from controlplane.domain.model import Caller, Certificate, Policy, Signer
from controlplane.domain.page import Page, PageRequest
from controlplane.domain.ranges import (
    CERTIFICATE_DAYS,
    DEFAULT_CERTIFICATE_DAYS,
    DEFAULT_DELETION,
)
from controlplane.domain.signer import SignerDescription
from controlplane.domain.warnings import SameName
from controlplane.errors import Code, Refused, invalid, not_found
from controlplane.keys.backend import KeyBackend
from controlplane.service import cursor
from controlplane.service.attachments import (
    change_policy,
    find_nobody,
    find_policy,
    refuse_unmet,
    refuse_without_policy,
)
from controlplane.service.authority import Authority
from controlplane.service.changes import confirm, judged, record
from controlplane.service.gate import Gate
from controlplane.service.namesakes import find_namesakes, refuse_common_name
from controlplane.service.renewals import renew
from controlplane.service.signer_changes import (
    DeleteSigner,
    EnableSigner,
    InstallCertificate,
    SetPolicy,
    check_external,
    find_administered,
)
from controlplane.service.visibility import (
    SignerView,
    find_visible,
    list_visible,
    refuse_deleting,
    view_of_stored,
)
from controlplane.store import policies
from controlplane.store import signers as rows
from controlplane.store.database import Store, move_epoch

__all__ = ["SignerCertificate", "SignerView", "Signers"]


@dataclass(frozen=True, slots=True)
class SignerCertificate:
    certificate: str  # PEM
    chain: tuple[str, ...]  # PEM, the leaf's issuer first, root last
    serial: str


class Signers:
    def __init__(
        self, store: Store, gate: Gate, keys: KeyBackend, authority: Authority, clock: Clock
    ) -> None:
        self._store = store
        self._gate = gate
        self._clock = clock
        self._keys = keys
        self._authority = authority

    def create(
        self,
        caller: Caller,
        wanted: SignerDescription,
        days: int | None = None,
        policy: str | None = None,
    ) -> SignerView:
        """A new key pair; a certificate of the built-in CA for `days` (in CERTIFICATE_DAYS),
        or none yet when `external`. Refused 400, 403, 404 policy_not_found, 409 signer_exists,
        signer_name_used, common_name_used, policy_cannot_be_met,
        policy_required."""
        permissions.require_admin(caller.identity, "create signers")
        wanted.check()
        name = wanted.name
        days = _check_days(days, wanted.external)

        def judge(database: Database) -> Policy | None:
            permissions.require_admin(confirm(database, caller), "create signers")
            at = self._clock()
            _check_name_free(database, name, at)
            if not wanted.external:
                refuse_common_name(database, wanted.common_name, at)
            if policy is None:
                refuse_without_policy(database, name, None)
                return None
            found = find_policy(database, policy)
            refuse_without_policy(database, name, found.terms)
            refuse_unmet(database, found, {name: frozenset()})  # it has no members yet
            return found

        with self._store.read() as database:
            judge(database)
        signer_id = new_id()
        # Keys and certificates are made before the lock is taken, so that nobody waits for them.
        reference = self._keys.generate(wanted.key, signer_id, Purpose.SIGNER)
        certificate = None
        if not wanted.external:
            certificate = self._authority.issue(reference.public_key, wanted.subject, days)
        with judged(self._store, judge) as (database, attached):
            move_epoch(database)
            at = self._clock()
            signer = Signer(
                id=signer_id,
                number=rows.next_number(database),
                disabled=False,
                public_key=reference.public_key,
                certificate=certificate,
                policy=None,
                created_at=at,
                **{each.name: getattr(wanted, each.name) for each in fields(wanted)},
            )
            rows.insert(database, signer, reference)
            if certificate is not None:
                stored = KeyedSigner(signer, reference, None)
                rows.use_certificate(database, stored, reference, certificate, at)
            record(
                database,
                caller,
                Action.SIGNER_CREATE,
                name,
                at=at,
                signer=name,
                details={
                    "id": signer_id,
                    "number": signer.number,
                    **wanted.details(),
                    "certificate_serial": certificate.serial if certificate else None,
                },
            )
            change_policy(database, caller, signer, attached, at)
        return self.get(caller, name)

    def list(self, caller: Caller, page: PageRequest) -> Page[SignerView]:
        """By number: those that the caller may see."""
        after = cursor.read_number(page, 0)
        now = self._clock()
        with self._store.read() as database:
            found = list_visible(database, caller.identity, after, page.limit + 1, now)
            found = _warned(database, caller, found, now)
        return cursor.cut(found, page, lambda view: view.signer.number)

    def get(self, caller: Caller, name: str) -> SignerView:
        """Refused 404 signer_not_found, also where the caller may not see it."""
        with self._store.read() as database:
            now = self._clock()
            stored, role = find_visible(database, caller.identity, name, now)
            changes = policies.changes_of_signer(database, name, stored.signer.policy)
            (view,) = _warned(database, caller, [view_of_stored(stored, role, now)], now)
            unmet = find_nobody(database, stored.signer)
        return replace(view, warnings=(*view.warnings, *unmet), policy_changes=changes)

    def disable(self, caller: Caller, name: str) -> SignerView:
        """Refused 403, 404."""
        with self._store.change() as database:
            actor, at = confirm(database, caller), self._clock()
            stored, role = find_visible(database, actor, name, at)
            permissions.require_signer_manager(actor, role, "disable it")
            if not stored.signer.disabled:
                rows.set_disabled(database, stored.signer.id, True)
                record(database, caller, Action.SIGNER_DISABLE, name, at=at, signer=name)
        return self.get(caller, name)

    def enable(self, caller: Caller, name: str) -> SignerView:
        """Refused as EnableSigner. Raises Proposed."""
        self._gate.make(caller, EnableSigner(name))
        return self.get(caller, name)

    def set_policy(self, caller: Caller, name: str, policy: str | None) -> SignerView:
        """None: its members sign at once. Grants count again when their policy comes back.
        Refused as SetPolicy. Raises Proposed."""
        self._gate.make(caller, SetPolicy(name, policy))
        return self.get(caller, name)

    def renew(self, caller: Caller, name: str, days: int | None = None) -> SignerView:
        """A new key pair, and a certificate for it. An external signer keeps signing with the old
        pair until the chain for the new one is installed. Refused 409 signer_deleting."""
        with self._store.read() as database:
            stored = self._administered(database, caller, name, "renew signers")
        signer = stored.signer
        refuse_deleting(signer)
        days = _check_days(days, signer.external)
        key = self._keys.generate(signer.key, signer.id, Purpose.SIGNER)
        certificate = None
        if not signer.external:
            certificate = self._authority.issue(key.public_key, signer.subject, days)
        with self._store.change() as database:
            stored = self._administered(database, caller, name, "renew signers")
            if stored.signer.id != signer.id:
                raise not_found("signer", name)
            refuse_deleting(stored.signer)
            renew(database, caller, stored, key, certificate, self._clock(), {})
        return self.get(caller, name)

    def delete(
        self, caller: Caller, name: str, after_seconds: int = DEFAULT_DELETION
    ) -> SignerView:
        """Refused as DeleteSigner. Raises Proposed."""
        return self._gate.make(caller, DeleteSigner(name, after_seconds))

    def undelete(self, caller: Caller, name: str) -> SignerView:
        """It stays, disabled; nothing happens to one that stays anyway. Refused 403, 404."""
        with self._store.change() as database:
            signer = self._administered(database, caller, name, "undelete signers").signer
            if signer.deletes_at is not None:
                rows.set_deletion(database, signer.id, None)
                record(
                    database, caller, Action.SIGNER_UNDELETE, name, at=self._clock(), signer=name
                )
        return self.get(caller, name)

    def csr(self, caller: Caller, name: str) -> str:
        """PEM of the PKCS#10 request of an external signer; Refused 409 signer_not_external."""
        with self._store.read() as database:
            stored, role = find_visible(database, caller.identity, name, self._clock())
        permissions.require_signer_manager(caller.identity, role, "have its CSR")
        check_external(stored.signer)
        key = self._keys.open(stored.next_key or stored.key)
        return make_request(key, stored.signer.subject)

    def install_certificate(self, caller: Caller, name: str, chain: str) -> SignerView:
        """Refused as InstallCertificate. Raises Proposed."""
        self._gate.make(caller, InstallCertificate(name, chain))
        return self.get(caller, name)

    def certificate(self, caller: Caller, name: str) -> SignerCertificate:
        """Refused 409 signer_pending while there is none."""
        with self._store.read() as database:
            stored, _ = find_visible(database, caller.identity, name, self._clock())
        certificate: Certificate | None = stored.signer.certificate
        if certificate is None:
            raise Refused(Code.SIGNER_PENDING, f"The signer {name!r} has no certificate yet.")
        return SignerCertificate(
            to_pem(certificate.der),
            tuple(to_pem(der) for der in certificate.chain),
            certificate.serial,
        )

    def ca_certificate(self) -> str:
        """PEM of the built-in CA: intermediate, then root. For any caller."""
        return self._authority.pem()

    def _administered(
        self, database: Database, caller: Caller, name: str, what: str
    ) -> KeyedSigner:
        actor = confirm(database, caller)
        return find_administered(database, actor, name, what, self._clock())[0]


def _warned(
    database: Database, caller: Caller, views: list[SignerView], now: datetime
) -> list[SignerView]:
    """Of namesakes too, for those who may see them all."""
    if not permissions.may_read_everything(caller.identity):
        return views
    namesakes = find_namesakes(database, now)
    return [
        replace(view, warnings=(*view.warnings, SameName(view.signer.common_name, others)))
        if (others := namesakes.get(view.signer.name))
        else view
        for view in views
    ]


def _check_name_free(database: Database, name: str, now: datetime) -> None:
    if rows.find(database, name, now) is not None:
        raise Refused(Code.SIGNER_EXISTS, f"There is a signer {name!r} already.")
    if rows.is_name_taken(database, name):
        raise Refused(
            Code.SIGNER_NAME_USED,
            f"A signer {name!r} was deleted; its rows stay, so its name is never given again.",
        )


def _check_days(days: int | None, external: bool) -> int:
    if days is None:
        return DEFAULT_CERTIFICATE_DAYS
    if external:
        raise invalid("days", "An external signer's CA decides how long its certificate is valid.")
    if days not in CERTIFICATE_DAYS:
        title = f"A certificate can be valid for {CERTIFICATE_DAYS} days, not {days}."
        raise invalid("days", title)
    return days
