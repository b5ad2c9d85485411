"""Which role counts, and that nobody gets one that excludes another."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from peewee import Database

from controlplane.domain.model import Group, Identity, MemberRole, ServerRole
from controlplane.domain.roles import Standing
from controlplane.errors import Code, Refused
from controlplane.store import identities, members, policies, signers
from controlplane.store.standings import standings_of


def role_that_counts(database: Database, signer_id: str, identity: Identity) -> MemberRole | None:
    """The identity's on the signer; whoever has one, and is an auditor too, of the server or by way
    of who owns it, is an auditor and nothing else."""
    role = members.find_role(database, signer_id, identity.id)
    if role is None or not role.signs:
        return role
    behind = identities.find_all(database, identity.persons - {identity.name})
    for each in (identity, *behind.values()):
        on_signer = members.find_role(database, signer_id, each.id)
        if each.role is ServerRole.AUDITOR or on_signer is MemberRole.AUDITOR:
            return MemberRole.AUDITOR
    return role


def refuse_role(
    database: Database, who: Identity | Group, signer: str, role: MemberRole, now: datetime
) -> None:
    """Refused 409 roles_exclude: with this role on the signer something would exclude another that
    did not before, for a group: of any of its users."""
    if isinstance(who, Identity):
        (before,) = standings_of(database, [who], now)
        _refuse_other(database, before, replace(before, roles={**before.roles, signer: role}), now)
        return
    users = identities.find_all(database, who.users)
    for before in standings_of(database, list(users.values()), now):
        _refuse_other(database, before, before.with_group_role(who, signer, role), now)


def refuse_joining(database: Database, user: Identity, group: Group, now: datetime) -> None:
    """Refused 409 roles_exclude: of a user, by what the group is, and decides on."""
    (before,) = standings_of(database, [user], now)
    after = before
    for signer, role in signers.with_group(database, group, now):
        after = after.with_group_role(group, signer.name, role)
    decides = {
        name
        for policy in policies.naming_group(database, group)
        for name in signers.names_with_policy(database, policy.id, now, seen_by=None)
    }
    after = replace(after, decides=before.decides | decides)
    _refuse_other(database, before, after, now)


def refuse_change(database: Database, before: Identity, after: Identity, now: datetime) -> None:
    """Refused 409 roles_exclude: of one that becomes another."""
    (standing,) = standings_of(database, [after], now)
    was = replace(standing, identity=before)
    _refuse(_find(database, standing, now) - _find(database, was, now))


def refuse_new(database: Database, identity: Identity) -> None:
    """Refused 409 roles_exclude: of an identity that is not there yet, and no member anywhere."""
    behind = identities.find_all(database, identity.persons - {identity.name})
    new = Standing(identity, {}, frozenset(), frozenset())
    watchers = [Standing(each, {}, frozenset(), frozenset()) for each in behind.values()]
    _refuse(each for watcher in watchers for each in watcher.contradictions(new))


def _refuse_other(database: Database, before: Standing, after: Standing, now: datetime) -> None:
    _refuse(_find(database, after, now) - _find(database, before, now))


def _find(database: Database, of: Standing, now: datetime) -> frozenset[str]:
    """Of who stands behind it, and of its machines."""
    name = of.identity.name
    behind = identities.find_all(database, of.identity.persons - {name})
    machines = identities.machines_of(database, name)
    watchers = [of, *standings_of(database, list(behind.values()), now)]
    found = [watcher.contradictions(of) for watcher in watchers]
    found += [of.contradictions(each) for each in standings_of(database, machines, now)]
    return frozenset().union(*found)


def _refuse(found: Iterable[str]) -> None:
    told = sorted(found)
    if told:
        raise Refused(
            Code.ROLES_EXCLUDE,
            f"An auditor is nothing else. Then {'; '.join(told)}: one of the two.",
        )
