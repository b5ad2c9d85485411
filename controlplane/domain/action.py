"""What a row of kind `change` says was done: `subject:verb`. docs/audit.md has what each means."""

from enum import StrEnum


class Action(StrEnum):
    INSTALLATION_CREATE = "installation:create"
    INSTALLATION_JOIN = "installation:join"
    INSTALLATION_UPGRADE = "installation:upgrade"
    IDENTITY_CREATE = "identity:create"
    IDENTITY_EDIT = "identity:edit"
    IDENTITY_ACCEPT = "identity:accept"
    IDENTITY_DISABLE = "identity:disable"
    IDENTITY_ENABLE = "identity:enable"
    API_KEY_CREATE = "api_key:create"
    API_KEY_REVOKE = "api_key:revoke"
    SIGNER_CREATE = "signer:create"
    SIGNER_INSTALL_CERTIFICATE = "signer:install_certificate"
    SIGNER_RENEW = "signer:renew"
    SIGNER_SET_POLICY = "signer:set_policy"
    SIGNER_DISABLE = "signer:disable"
    SIGNER_ENABLE = "signer:enable"
    SIGNER_DELETE = "signer:delete"
    SIGNER_UNDELETE = "signer:undelete"
    SIGNER_ERASE = "signer:erase"
    MEMBER_ADD = "member:add"
    MEMBER_CHANGE = "member:change"
    MEMBER_REMOVE = "member:remove"
    POLICY_CREATE = "policy:create"
    POLICY_EDIT = "policy:edit"
    POLICY_DELETE = "policy:delete"
    REQUEST_CREATE = "request:create"
    REQUEST_APPROVE = "request:approve"
    REQUEST_REJECT = "request:reject"
    REQUEST_CANCEL = "request:cancel"
    REQUEST_WITHDRAW = "request:withdraw"
    GRANT_CREATE = "grant:create"
    GRANT_ISSUE = "grant:issue"
    GRANT_REVOKE = "grant:revoke"
    PROPOSAL_CREATE = "proposal:create"
    PROPOSAL_APPROVE = "proposal:approve"
    PROPOSAL_REJECT = "proposal:reject"
    PROPOSAL_CANCEL = "proposal:cancel"
    PROPOSAL_WITHDRAW = "proposal:withdraw"

    @property
    def verb(self) -> str:
        return self.value.partition(":")[2]
