"""Which identity may do what with which signer."""

from dataclasses import dataclass

from controlplane.domain.model import Caller, Member, MemberRole
from controlplane.domain.page import Page, PageRequest


@dataclass(frozen=True, slots=True)
class AddedMember:
    member: Member
    created: bool  # False: was a member before


class Members:
    def list(self, caller: Caller, signer: str, page: PageRequest) -> Page[Member]:
        """By identity name. Refused 404 signer_not_found."""
        raise NotImplementedError

    def add(self, caller: Caller, signer: str, identity: str, role: MemberRole) -> AddedMember:
        """Adds, or gives a member this role. Refused 403, 404."""
        raise NotImplementedError

    def remove(self, caller: Caller, signer: str, identity: str) -> None:
        """Refused 403, 404 member_not_found."""
        raise NotImplementedError
