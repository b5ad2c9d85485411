"""An auditor is nothing else: who watches neither signs, nor manages, nor decides, not even by way
of a machine. A machine that watches leaves its owner free."""

from collections.abc import Mapping
from dataclasses import dataclass

from controlplane.domain.model import Identity, MemberRole, ServerRole


@dataclass(frozen=True, slots=True)
class Standing:
    """What an identity is: `roles` by the name of the signer; `decides`: the names of the signers
    on which an attached policy, or something that is pending, names it as an approver."""

    identity: Identity
    roles: Mapping[str, MemberRole]
    decides: frozenset[str]

    def watches(self, signer: str) -> bool:
        return self._watches_all or self.roles.get(signer) is MemberRole.AUDITOR

    @property
    def _watches_all(self) -> bool:
        return self.identity.role is ServerRole.AUDITOR

    def contradictions(self, holder: "Standing") -> frozenset[str]:
        """What excludes one another, as sentences. `holder`: itself, or a machine of theirs."""
        watcher, name = self.identity.name, holder.identity.name
        found = set()
        if self._watches_all and holder.identity.role is ServerRole.ADMIN:
            found.add(f"{name} is a server admin, and {watcher} a server auditor")
        for signer, role in holder.roles.items():
            if role.signs and self.watches(signer):
                found.add(f"{name} is {role.value} of {signer}, and {watcher} an auditor")
        for signer in holder.decides:
            if self.watches(signer):
                found.add(f"{name} is asked to approve for {signer}, and {watcher} is an auditor")
        return frozenset(found)
