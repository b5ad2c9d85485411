"""An auditor is nothing else: who watches neither signs, nor manages, nor decides, not even by way
of a machine. A machine that watches leaves its owner free."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from controlplane.domain.model import Group, Identity, MemberRole, ServerRole


@dataclass(frozen=True, slots=True)
class GroupRole:
    """What a group is on a signer."""

    group_id: str
    signer: str
    role: MemberRole


@dataclass(frozen=True, slots=True)
class Standing:
    """What an identity is: `roles`, its own, by the name of the signer, and those of its groups;
    `decides`: the names of the signers on which an attached policy, or something that is pending,
    names it or a group of it as an approver."""

    identity: Identity
    roles: Mapping[str, MemberRole]
    of_groups: frozenset[GroupRole]
    decides: frozenset[str]

    def watches(self, signer: str) -> bool:
        return self._watches_all or (signer, MemberRole.AUDITOR) in self._all_roles

    def with_group_role(self, group: Group, signer: str, role: MemberRole) -> "Standing":
        """Where a group of it gets this role."""
        others = {
            each for each in self.of_groups if (each.group_id, each.signer) != (group.id, signer)
        }
        return replace(self, of_groups=frozenset({*others, GroupRole(group.id, signer, role)}))

    @property
    def _all_roles(self) -> frozenset[tuple[str, MemberRole]]:
        of_groups = ((each.signer, each.role) for each in self.of_groups)
        return frozenset({*self.roles.items(), *of_groups})

    @property
    def _watches_all(self) -> bool:
        return self.identity.role is ServerRole.AUDITOR

    def contradictions(self, holder: "Standing") -> frozenset[str]:
        """What excludes one another, as sentences. `holder`: itself, or a machine of theirs."""
        watcher, name = self.identity.name, holder.identity.name
        found = set()
        if self._watches_all and holder.identity.role is ServerRole.ADMIN:
            found.add(f"{name} is a server admin, and {watcher} a server auditor")
        for signer, role in holder._all_roles:
            if role.signs and self.watches(signer):
                found.add(f"{name} is {role.value} of {signer}, and {watcher} an auditor")
        for signer in holder.decides:
            if self.watches(signer):
                found.add(f"{name} is asked to approve for {signer}, and {watcher} is an auditor")
        return frozenset(found)
