"""Who calls: identities, their API keys, and authentication."""

from dataclasses import dataclass

from controlplane.domain.model import ApiKey, Caller, Identity, IdentityKind, ServerRole
from controlplane.domain.page import Page, PageRequest


@dataclass(frozen=True, slots=True)
class NewIdentity:
    identity: Identity
    api_key: str  # shown once
    api_key_id: str


@dataclass(frozen=True, slots=True)
class NewApiKey:
    key: ApiKey
    api_key: str  # shown once


class Identities:
    def authenticate(self, api_key: str | None) -> Caller:
        """Who this key belongs to; costs memory reads.

        Refused 401: api_key_missing, api_key_unknown, api_key_revoked, identity_disabled. The last
        two carry who it was (`RefusedCaller`), so that a call to sign can be recorded.
        """
        raise NotImplementedError

    def create(
        self,
        caller: Caller,
        name: str,
        kind: IdentityKind,
        role: ServerRole | None = None,
        owner: str | None = None,
    ) -> NewIdentity:
        """Refused 400 (name, owner), 403, 409 identity_exists. A user has no owner."""
        raise NotImplementedError

    def list(self, caller: Caller, page: PageRequest) -> Page[Identity]:
        """By name. Server admins and auditors only: Refused 403."""
        raise NotImplementedError

    def get(self, caller: Caller, name: str) -> Identity:
        """Refused 404 identity_not_found, also where the caller may not see it."""
        raise NotImplementedError

    def keys(self, caller: Caller, name: str) -> tuple[ApiKey, ...]:
        """Oldest first."""
        raise NotImplementedError

    def disable(self, caller: Caller, name: str) -> Identity:
        """Refused 409 last_admin for the last enabled admin."""
        raise NotImplementedError

    def enable(self, caller: Caller, name: str) -> Identity:
        raise NotImplementedError

    def add_key(self, caller: Caller, name: str) -> NewApiKey:
        raise NotImplementedError

    def revoke_key(self, caller: Caller, name: str, key_id: str) -> ApiKey:
        """Refused 404 api_key_not_found, 409 last_admin for the last key of the last admin."""
        raise NotImplementedError
