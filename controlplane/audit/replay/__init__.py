"""What the changes in a log lead to, as far as their rows tell: for logs whose rows do not name the
objects that they leave behind."""

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from controlplane.audit.replay import ballots, people, signers
from controlplane.audit.replay.objects import Name as Name
from controlplane.audit.replay.objects import Objects as Objects
from controlplane.audit.replay.objects import Told as Told
from controlplane.domain.action import Action
from controlplane.store.change_rows import ChangeRow

Take = Callable[[Objects, ChangeRow], None]

TAKES: Final[Mapping[str, Take]] = {
    Action.INSTALLATION_CREATE: people.create_installation,
    Action.IDENTITY_CREATE: people.create_identity,
    Action.IDENTITY_EDIT: people.edit_identity,
    Action.IDENTITY_ACCEPT: people.accept_identity,
    Action.IDENTITY_DISABLE: people.disable_identity,
    Action.IDENTITY_ENABLE: people.enable_identity,
    Action.API_KEY_CREATE: people.create_api_key,
    Action.API_KEY_REVOKE: people.revoke_api_key,
    Action.ENROLMENT_CREATE: people.create_enrolment,
    Action.ENROLMENT_USE: people.use_enrolment,
    Action.GROUP_CREATE: people.create_group,
    Action.GROUP_DELETE: people.delete_group,
    Action.GROUP_ADD: people.add_to_group,
    Action.GROUP_REMOVE: people.remove_from_group,
    Action.SIGNER_CREATE: signers.create_signer,
    Action.SIGNER_INSTALL_CERTIFICATE: signers.change_certificate,
    Action.SIGNER_RENEW: signers.change_certificate,
    Action.SIGNER_SET_POLICY: signers.set_policy,
    Action.SIGNER_DISABLE: signers.disable_signer,
    Action.SIGNER_ENABLE: signers.enable_signer,
    Action.SIGNER_DELETE: signers.delete_signer,
    Action.SIGNER_UNDELETE: signers.undelete_signer,
    Action.SIGNER_ERASE: signers.erase_signer,
    Action.MEMBER_ADD: signers.add_member,
    Action.MEMBER_CHANGE: signers.change_member,
    Action.MEMBER_REMOVE: signers.remove_member,
    Action.POLICY_CREATE: signers.create_policy,
    Action.POLICY_EDIT: signers.edit_policy,
    Action.POLICY_DELETE: signers.delete_policy,
    Action.REQUEST_CREATE: ballots.create_request,
    Action.REQUEST_APPROVE: ballots.approve,
    Action.REQUEST_REJECT: ballots.reject,
    Action.REQUEST_CANCEL: ballots.cancel,
    Action.REQUEST_WITHDRAW: ballots.withdraw,
    Action.GRANT_CREATE: ballots.create_grant,
    Action.GRANT_ISSUE: ballots.issue_grant,
    Action.GRANT_REVOKE: ballots.revoke_grant,
    Action.PROPOSAL_CREATE: ballots.create_proposal,
    Action.PROPOSAL_APPROVE: ballots.approve,
    Action.PROPOSAL_REJECT: ballots.reject,
    Action.PROPOSAL_CANCEL: ballots.cancel,
    Action.PROPOSAL_WITHDRAW: ballots.withdraw,
    Action.SETTINGS_SET: people.set_setting,
}
"""All that change an object; the others are of nodes and versions."""


def replay(rows: Iterable[ChangeRow]) -> Objects:
    """Of rows in order, from the first one on. Those that cannot be read tell nothing."""
    objects = Objects()
    for row in rows:
        if row.proposal is not None:
            ballots.carry_out(objects, row, row.proposal)
        take = TAKES.get(row.action) if row.action is not None else None
        if take is not None:
            take(objects, row)
    signers.detach_deleted(objects)
    return objects
