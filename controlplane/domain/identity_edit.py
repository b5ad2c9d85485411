"""What can be changed of an identity."""

from dataclasses import dataclass, replace

from msgspec import UNSET, UnsetType

from controlplane.domain.model import Identity, ServerRole


@dataclass(frozen=True, slots=True)
class IdentityEdit:
    """UNSET leaves a thing as it is; None takes it away. `owner`: the user who is to own the
    machine; its owner's name takes back what was offered."""

    role: ServerRole | UnsetType | None = UNSET
    owner: str | UnsetType = UNSET
    email: str | UnsetType | None = UNSET

    def revise(self, identity: Identity) -> Identity:
        if self.owner is not UNSET:
            offered = None if self.owner == identity.owner else self.owner
            identity = replace(identity, proposed_owner=offered)
        if self.role is not UNSET:
            identity = replace(identity, role=self.role)
        if self.email is not UNSET:
            identity = replace(identity, email=self.email)
        return identity
