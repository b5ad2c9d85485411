"""Disabling an identity: revoked first, and then what hangs on it, all in one transaction."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from peewee import Database

from controlplane.domain import permissions
from controlplane.domain.action import Action
from controlplane.domain.identity_edit import IdentityEdit
from controlplane.domain.model import Caller, GrantState, Identity
from controlplane.domain.policy import find_unmet
from controlplane.errors import Code, Refused
from controlplane.service import consents
from controlplane.service.candidates import Crowd
from controlplane.service.changes import record
from controlplane.service.identity_edit import (
    check_offered,
    counts_as_admin,
    describe_edit,
    find_identity,
)
from controlplane.service.leaving import Ended, end_what_was_said
from controlplane.service.roles import refuse_change
from controlplane.store import enrolments, grants, policies, signers
from controlplane.store import identities as rows

DISABLE, KEEP = "disable", "keep"  # or the name of a user, who is to own the machines
_MOST_GRANTS = 10_000


@dataclass(frozen=True, slots=True)
class Unmet:
    """A policy that a signer has, and why it cannot be met: sentences."""

    policy: str
    what: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Disabled:
    """`machines`: those that were enabled, as they are now; `grants`: ids of active ones that
    nobody can use now; `unmet`: of the policies that name any of them."""

    identity: Identity
    ended: Ended
    machines: tuple[Identity, ...] = ()
    grants: tuple[str, ...] = ()
    unmet: tuple[Unmet, ...] = ()


def disable(
    database: Database,
    caller: Caller,
    actor: Identity,
    name: str,
    machines: str | None,
    theirs: Iterable[Identity],
    at: datetime,
) -> Disabled:
    """Within a change. `machines`: DISABLE, KEEP, or the user to whom they are offered; `theirs`:
    machines that the user owns, or is to own. Refused
    400, 403, 404, 409 last_admin, machines_undecided, roles_exclude."""
    permissions.require_admin(actor, "disable identities")
    identity = find_identity(database, name)
    owned = [each for each in theirs if each.owner == name]
    enabled = [each for each in owned if not each.disabled]
    if identity.disabled and machines is None:
        return Disabled(identity, Ended())
    _refuse_last(database, [identity], at)
    if enabled and machines is None:
        raise _undecided(
            f"{name} owns {', '.join(each.name for each in enabled)}: say what becomes of them, "
            f"{DISABLE}, {KEEP}, or a user who is to own them."
        )
    goes = [identity, *enabled] if machines == DISABLE else [identity]
    _refuse_last(database, goes, at)
    _offer(database, caller, actor, enabled, machines, at)
    for each in goes:
        if not each.disabled:
            rows.update(database, replace(each, disabled=True))
            enrolments.end_open(database, each.id, at)
            details = {"machines": machines} if each.name == name and enabled else None
            record(database, caller, Action.IDENTITY_DISABLE, each.name, at=at, details=details)
    names = [identity.name, *(each.name for each in owned)]
    ended = end_what_was_said(database, caller, names, [each.name for each in goes], at)
    now = rows.find_all(database, names)
    return Disabled(
        identity=now[name],
        machines=tuple(now[each.name] for each in enabled),
        ended=ended,
        grants=_unusable(database, goes, at),
        unmet=_unmet(database, names, at),
    )


def _refuse_last(database: Database, goes: Iterable[Identity], at: datetime) -> None:
    admins = [each.id for each in goes if counts_as_admin(each)]
    if admins:
        permissions.require_remaining_admin(
            rows.count_other_admins(database, admins, at), "enable anybody again"
        )


def _offer(
    database: Database,
    caller: Caller,
    actor: Identity,
    machines: Sequence[Identity],
    to: str | None,
    at: datetime,
) -> None:
    """To a user, if that is what becomes of them."""
    if to is None or to in (DISABLE, KEEP):
        return
    for machine in machines:
        check_offered(database, machine.kind, to)
        if to == machine.owner:
            raise _undecided(f"{to} owns {machine.name} already: name somebody else.")
        if consents.of_new_credential(database, actor, machine, at):
            raise _undecided(
                f"A protected policy has a say in who owns {machine.name}: {DISABLE} or {KEEP} "
                f"it, and offer it by itself (sealwright identity edit {machine.name} --owner "
                f"{to})."
            )
        after = IdentityEdit(owner=to).revise(machine)
        refuse_change(database, machine, after, at)
        rows.update(database, after)
        details = describe_edit(machine, after)
        record(database, caller, Action.IDENTITY_EDIT, machine.name, at=at, details=details)


def _unusable(database: Database, goes: Iterable[Identity], at: datetime) -> tuple[str, ...]:
    return tuple(
        grant.id
        for each in goes
        for grant in grants.list_before(
            database,
            None,
            _MOST_GRANTS,
            at,
            signer=None,
            grantee=each.name,
            state=GrantState.ACTIVE,
            seen_by=None,
        )
    )


def _unmet(database: Database, names: Collection[str], at: datetime) -> tuple[Unmet, ...]:
    naming = {
        policy.id: policy
        for name in names
        for policy in policies.attached_naming(database, name, at)
    }
    found = []
    for policy in naming.values():
        crowd = Crowd(database, policy.people.approvers)
        auditors = signers.auditors_with_policy(database, policy.id, at)
        watching = {among & crowd.ids for among in auditors.values()}
        told = {
            sentence: None
            for among in sorted(watching, key=sorted)
            for sentence in find_unmet(policy.people.steps, crowd.on(among))
        }
        if told:
            found.append(Unmet(policy.name, tuple(told)))
    return tuple(found)


def _undecided(title: str) -> Refused:
    return Refused(Code.MACHINES_UNDECIDED, title)
