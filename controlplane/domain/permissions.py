"""Who may do what, besides signing (see `decision`): one pure function for each right.

`role` is the caller's role on the signer in question, None for no member.
"""

from collections.abc import Collection

from controlplane.domain.model import Identity, MemberRole, Policy, ServerRole
from controlplane.errors import Code, Refused


def is_admin(identity: Identity) -> bool:
    return identity.role is ServerRole.ADMIN


def may_read_everything(identity: Identity) -> bool:
    return identity.role is not None


def may_see_identity(reader: Identity, identity: Identity) -> bool:
    """Oneself and the machines that one owns or is to own, or everybody."""
    own = reader.id == identity.id or reader.name in (identity.owner, identity.proposed_owner)
    return own or may_read_everything(reader)


def settle_role(
    own: MemberRole | None, through_groups: Collection[MemberRole]
) -> MemberRole | None:
    """On a signer: an auditor is nothing else; otherwise one's own role counts, and without one
    the greatest of one's groups'."""
    if own is MemberRole.AUDITOR or MemberRole.AUDITOR in through_groups:
        return MemberRole.AUDITOR
    if own is not None or not through_groups:
        return own
    rules = MemberRole.ADMINISTRATOR in through_groups
    return MemberRole.ADMINISTRATOR if rules else MemberRole.OPERATOR


def may_see_signer(identity: Identity, role: MemberRole | None, policy: Policy | None) -> bool:
    """Its rows and requests too: members, server-wide readers, and whom its policy names."""
    if role is not None or may_read_everything(identity):
        return True
    return policy is not None and identity.name in policy.people.approvers


def may_manage_signer(identity: Identity, role: MemberRole | None) -> bool:
    """Its members and policy; disable and enable; end requests and grants."""
    return is_admin(identity) or role is MemberRole.ADMINISTRATOR


def require_admin(identity: Identity, what: str) -> None:
    """`what` completes the sentence "Only a server admin may …"."""
    if not is_admin(identity):
        raise Refused(Code.ADMIN_REQUIRED, f"Only a server admin may {what}.")


def require_reader(identity: Identity, what: str) -> None:
    if not may_read_everything(identity):
        raise Refused(Code.READER_REQUIRED, f"Only a server admin or auditor may {what}.")


def require_signer_manager(identity: Identity, role: MemberRole | None, what: str) -> None:
    if not may_manage_signer(identity, role):
        raise Refused(
            Code.ADMINISTRATOR_REQUIRED,
            f"Only a server admin or an administrator of the signer may {what}.",
        )


def require_signing_administrator(identity: Identity, role: MemberRole | None, what: str) -> None:
    """Of the signer itself: a server admin gives nobody permission to sign."""
    if role is not MemberRole.ADMINISTRATOR:
        raise Refused(
            Code.ADMINISTRATOR_REQUIRED, f"Only an administrator of the signer may {what}."
        )


def require_remaining_admin(others: int, what: str) -> None:
    """`others`: how many enabled admins with a key would be left."""
    if others < 1:
        raise Refused(Code.LAST_ADMIN, f"This would leave no admin who can {what}.")
