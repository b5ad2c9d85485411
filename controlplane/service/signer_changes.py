"""Changes of a signer that a protected policy on it has a say in."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import ClassVar

from peewee import Database

from controlplane.certificates.chain import check_chain
from controlplane.domain import permissions
from controlplane.domain.action import Action
from controlplane.domain.keys import KeyedSigner
from controlplane.domain.model import Caller, Identity, MemberRole, Signer
from controlplane.domain.operation import Details
from controlplane.domain.ranges import DELETION
from controlplane.errors import Code, Refused, invalid
from controlplane.service import consents
from controlplane.service.attachments import (
    change_policy,
    find_meetable,
    refuse_without_policy,
)
from controlplane.service.changes import record
from controlplane.service.gate import Change, Ruling
from controlplane.service.grants import revoke_all
from controlplane.service.mentions import who_are
from controlplane.service.requests import cancel_all
from controlplane.service.visibility import (
    SignerView,
    find_visible,
    refuse_deleting,
    view_of,
)
from controlplane.store import grants, policies, requests
from controlplane.store import signers as rows
from controlplane.store.operations import find_last, has_signed


@dataclass(frozen=True, slots=True)
class SetPolicy(Change[None]):
    """`policy` None: its members sign at once. Refused 403, 404 signer_not_found,
    policy_not_found, 409 policy_cannot_be_met, policy_required."""

    action: ClassVar[Action] = Action.SIGNER_SET_POLICY

    signer: str
    policy: str | None

    def judge(self, database: Database, actor: Identity, at: datetime) -> Ruling[None]:
        stored, role = find_visible(database, actor, self.signer, at)
        permissions.require_signer_manager(actor, role, "set its policy")
        signer, before = stored.signer, stored.signer.policy
        wanted = (
            None if self.policy is None else find_meetable(database, actor, self.policy, signer, at)
        )
        refuse_without_policy(database, signer.name, wanted.terms if wanted else None)
        is_other = (wanted.id if wanted else None) != (before.id if before else None)

        def apply(database: Database, caller: Caller, at: datetime) -> None:
            change_policy(database, caller, signer, wanted, at)

        return Ruling(
            subject=signer.name,
            signer=signer.name,
            needs=consents.of_signer(signer) if is_other else (),
            rests_on=(signer.id, before, wanted),
            apply=apply,
            details={
                "policy": self.policy,
                "before": before.name if before else None,
                **who_are(wanted.groups if wanted else ()),
            },
        )


@dataclass(frozen=True, slots=True)
class EnableSigner(Change[None]):
    """Refused 403, 404, 409 signer_deleting."""

    action: ClassVar[Action] = Action.SIGNER_ENABLE

    signer: str

    def judge(self, database: Database, actor: Identity, at: datetime) -> Ruling[None]:
        stored, role = find_visible(database, actor, self.signer, at)
        permissions.require_signer_manager(actor, role, "enable it")
        signer = stored.signer
        refuse_deleting(signer)
        disabled = find_last(database, Action.SIGNER_DISABLE, signer.name)

        def apply(database: Database, caller: Caller, at: datetime) -> None:
            if signer.disabled:
                rows.set_disabled(database, signer.id, False)
                record(database, caller, self.action, signer.name, at=at, signer=signer.name)

        return Ruling(
            subject=signer.name,
            signer=signer.name,
            needs=consents.of_signer(signer) if signer.disabled else (),
            rests_on=(signer.id, disabled),
            apply=apply,
        )


@dataclass(frozen=True, slots=True)
class DeleteSigner(Change[SignerView]):
    """It is gone after `after_seconds` (in DELETION; 0 where it never signed), and until then
    that can be taken back. Its pending requests are cancelled and its active grants revoked at
    once; its rows stay, its name and number are never given again. Refused 400
    `after_seconds`, 403, 404, 409 signer_not_disabled, signer_deleting."""

    action: ClassVar[Action] = Action.SIGNER_DELETE

    signer: str
    after_seconds: int

    def judge(self, database: Database, actor: Identity, at: datetime) -> Ruling[SignerView]:
        if self.after_seconds != 0 and self.after_seconds not in DELETION:
            raise _bad_delay(f"A deletion takes 0 or {DELETION} seconds, not {self.after_seconds}.")
        stored, role = find_administered(database, actor, self.signer, "delete signers", at)
        signer = stored.signer
        refuse_deleting(signer)
        if not signer.disabled:
            raise Refused(
                Code.SIGNER_NOT_DISABLED,
                f"The signer {signer.name!r} is not disabled: see that nobody misses it first "
                f"(sealwright signer disable {signer.name}).",
            )
        if self.after_seconds == 0 and has_signed(database, signer.name):
            raise _bad_delay(f"{signer.name} has signed: a deletion takes {DELETION} seconds.")

        def apply(database: Database, caller: Caller, at: datetime) -> SignerView:
            return self._delete(database, caller, signer, role, at)

        return Ruling(
            subject=signer.name,
            signer=signer.name,
            needs=(*consents.of_signer(signer), *consents.of_second_admin(database, actor)),
            rests_on=(signer.id,),
            apply=apply,
            details={"after_seconds": self.after_seconds},
        )

    def _delete(
        self,
        database: Database,
        caller: Caller,
        signer: Signer,
        role: MemberRole | None,
        at: datetime,
    ) -> SignerView:
        name, end = signer.name, at + timedelta(seconds=self.after_seconds)
        cancel_all(database, caller, at, requests.for_signer(name))
        why = "The signer is being deleted."
        revoke_all(database, caller, at, grants.for_signer(name), why)
        rows.set_deletion(database, signer.id, end)
        details: Details = {
            "id": signer.id,
            "number": signer.number,
            "deletes_at": end.isoformat(),
        }
        record(database, caller, self.action, name, at=at, signer=name, details=details)
        changes = policies.changes_of_signer(database, name, signer.policy)
        deleting = view_of(replace(signer, deletes_at=end), role, at)
        return replace(deleting, policy_changes=changes)


@dataclass(frozen=True, slots=True)
class InstallCertificate(Change[None]):
    """`chain`: PEM of leaf and issuers in any order, root included. Refused 400 naming `chain` with
    what is wrong, 403, 404, 409 signer_not_external, signer_deleting."""

    action: ClassVar[Action] = Action.SIGNER_INSTALL_CERTIFICATE

    signer: str
    chain: str

    def judge(self, database: Database, actor: Identity, at: datetime) -> Ruling[None]:
        stored, _ = find_administered(database, actor, self.signer, "install certificates", at)
        signer, before = stored.signer, stored.signer.certificate
        refuse_deleting(signer)
        check_external(signer)
        keys = {key.public_key: key for key in (stored.key, stored.next_key) if key}
        public_key, certificate = check_chain(self.chain, list(keys), at)
        details: Details = {
            "certificate_serial": certificate.serial,
            "subject": certificate.subject,
            "issuer": certificate.issuer,
        }

        def apply(database: Database, caller: Caller, at: datetime) -> None:
            rows.use_certificate(database, stored, keys[public_key], certificate, at)
            record(
                database,
                caller,
                self.action,
                signer.name,
                at=at,
                signer=signer.name,
                details=details,
            )

        is_another = before is not None and before.subject != certificate.subject
        return Ruling(
            subject=signer.name,
            signer=signer.name,
            needs=consents.of_signer(signer) if is_another else (),
            rests_on=(signer.id, before, stored.key, stored.next_key),
            apply=apply,
            details=details,
        )


def find_administered(
    database: Database, actor: Identity, name: str, what: str, at: datetime
) -> tuple[KeyedSigner, MemberRole | None]:
    """The signer, and the role on it, of a server admin. Who may see it hears 403, others 404."""
    found = find_visible(database, actor, name, at)
    permissions.require_admin(actor, what)
    return found


def check_external(signer: Signer) -> None:
    if not signer.external:
        raise Refused(
            Code.SIGNER_NOT_EXTERNAL,
            f"The built-in CA issues the certificates of {signer.name!r}: renew it instead.",
        )


def _bad_delay(title: str) -> Refused:
    return invalid("after_seconds", title)
