"""The control plane's API, one method a call."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Unpack

import msgspec

from sealwright.client.call import Answer, Caller, given, part
from sealwright.client.errors import UnexpectedAnswerError
from sealwright.client.objects import (
    AcceptedClock,
    ApiKey,
    Catalogue,
    Certificate,
    Chain,
    Confirmed,
    ConsistencyProof,
    DisabledIdentity,
    Enrolled,
    Explanation,
    Grant,
    Group,
    Health,
    Identity,
    Job,
    LogEnd,
    LogKeys,
    Member,
    NewApiKey,
    NewEnrolment,
    Operation,
    Page,
    Policy,
    PolicyTerms,
    Proposal,
    Report,
    ReportedOperation,
    Request,
    Setting,
    Signer,
    SignerTerms,
    SigningRequest,
    State,
    Suspension,
    Witness,
)


class Client(Caller):
    """Every method raises ClientError: Refused with the server's code, UnreachableError, or
    UnexpectedAnswerError; and Proposed, where others have to agree to it first."""

    def live(self) -> Answer[Health]:
        """Needs no key."""
        return self._call("GET", "/v1/health/live", Health)

    def ready(self) -> Answer[Health]:
        """Needs no key."""
        return self._call("GET", "/v1/health/ready", Health)

    def whoami(self) -> Answer[Identity]:
        return self._call("GET", "/v1/whoami", Identity)

    def mark_notices(self, seen: str) -> None:
        """Those up to the one with this id: this key is not told of them again."""
        self._send("POST", "/v1/whoami/notices", {"seen": seen})

    def create_identity(
        self,
        name: str,
        kind: str,
        role: str | None = None,
        owner: str | None = None,
        *,
        enrol: bool = False,
    ) -> Answer[Identity]:
        """The answer holds the first API key, or the code that gets it, this once."""
        body = given(name=name, kind=kind, role=role, owner=owner, enrol=enrol or None)
        return self._call("POST", "/v1/identities", Identity, body)

    def identities(self, limit: int, cursor: str | None = None) -> Answer[Page[Identity]]:
        return self._get("/v1/identities", Page[Identity], limit=limit, cursor=cursor)

    def identity(self, name: str) -> Answer[Identity]:
        return self._call("GET", f"/v1/identities/{part(name)}", Identity)

    def edit_identity(self, name: str, new: Mapping[str, object]) -> Answer[Identity]:
        """`new`: what to change of `role`, `owner` and `email`; None takes it away."""
        return self._call("PATCH", f"/v1/identities/{part(name)}", Identity, new)

    def accept_machine(self, name: str) -> Answer[Identity]:
        return self._call("POST", f"/v1/identities/{part(name)}/accept", Identity, {})

    def disable_identity(self, name: str, machines: str | None = None) -> Answer[DisabledIdentity]:
        """`machines`: `disable`, `keep`, or the user to whom they are offered."""
        path = f"/v1/identities/{part(name)}/disable"
        return self._call("POST", path, DisabledIdentity, given(machines=machines))

    def enable_identity(self, name: str) -> Answer[Identity]:
        return self._call("POST", f"/v1/identities/{part(name)}/enable", Identity, {})

    def add_key(
        self,
        name: str,
        expires_in_seconds: int | None = None,
        allowed_addresses: Sequence[str] = (),
    ) -> Answer[NewApiKey]:
        """`allowed_addresses`: CIDRs; none: from everywhere."""
        body = given(
            expires_in_seconds=expires_in_seconds,
            allowed_addresses=list(allowed_addresses) or None,
        )
        return self._call("POST", f"/v1/identities/{part(name)}/keys", NewApiKey, body)

    def add_enrolment(
        self,
        name: str,
        expires_in_seconds: int | None = None,
        allowed_addresses: Sequence[str] = (),
    ) -> Answer[NewEnrolment]:
        """The limits are those of the key, as in `add_key`."""
        body = given(
            expires_in_seconds=expires_in_seconds,
            allowed_addresses=list(allowed_addresses) or None,
        )
        return self._call("POST", f"/v1/identities/{part(name)}/enrolments", NewEnrolment, body)

    def enrol(self, code: str) -> Answer[Enrolled]:
        """Needs no key."""
        return self._call("POST", "/v1/enrol", Enrolled, {"code": code})

    def revoke_key(self, name: str, key_id: str) -> Answer[ApiKey]:
        path = f"/v1/identities/{part(name)}/keys/{part(key_id)}/revoke"
        return self._call("POST", path, ApiKey, {})

    def create_group(self, name: str) -> Answer[Group]:
        return self._call("POST", "/v1/groups", Group, {"name": name})

    def groups(self, limit: int, cursor: str | None = None) -> Answer[Page[Group]]:
        return self._get("/v1/groups", Page[Group], limit=limit, cursor=cursor)

    def group(self, name: str) -> Answer[Group]:
        return self._call("GET", f"/v1/groups/{part(name)}", Group)

    def delete_group(self, name: str) -> None:
        self._send("DELETE", f"/v1/groups/{part(name)}")

    def add_to_group(self, group: str, user: str) -> Answer[Group]:
        path = f"/v1/groups/{part(group)}/members"
        return self._call("POST", path, Group, {"identity": user})

    def remove_from_group(self, group: str, user: str) -> None:
        self._send("DELETE", f"/v1/groups/{part(group)}/members/{part(user)}")

    def settings(self, limit: int, cursor: str | None = None) -> Answer[Page[Setting]]:
        return self._get("/v1/settings", Page[Setting], limit=limit, cursor=cursor)

    def jobs(self, limit: int, cursor: str | None = None) -> Answer[Page[Job]]:
        return self._get("/v1/jobs", Page[Job], limit=limit, cursor=cursor)

    def accept_clock(self) -> Answer[AcceptedClock]:
        return self._call("POST", "/v1/recovery/accept-clock", AcceptedClock)

    def set_setting(self, name: str, value: str) -> Answer[Setting]:
        return self._call("PUT", f"/v1/settings/{part(name)}", Setting, {"value": value})

    def suspensions(self, limit: int, cursor: str | None = None) -> Answer[Page[Suspension]]:
        return self._get("/v1/recovery", Page[Suspension], limit=limit, cursor=cursor)

    def confirm(self, kind: str, suspended_id: str) -> Answer[Suspension]:
        path = f"/v1/recovery/{part(kind)}/{part(suspended_id)}/confirm"
        return self._call("POST", path, Suspension, {})

    def confirm_all(self) -> Answer[Confirmed]:
        return self._call("POST", "/v1/recovery/confirm", Confirmed, {})

    def create_signer(
        self, name: str, key: str, common_name: str, **more: Unpack[SignerTerms]
    ) -> Answer[Signer]:
        body = given(name=name, key=key, common_name=common_name, **more)
        return self._call("POST", "/v1/signers", Signer, body)

    def signers(self, limit: int, cursor: str | None = None) -> Answer[Page[Signer]]:
        return self._get("/v1/signers", Page[Signer], limit=limit, cursor=cursor)

    def signer(self, name: str) -> Answer[Signer]:
        return self._call("GET", f"/v1/signers/{part(name)}", Signer)

    def disable_signer(self, name: str) -> Answer[Signer]:
        return self._call("POST", f"/v1/signers/{part(name)}/disable", Signer, {})

    def enable_signer(self, name: str) -> Answer[Signer]:
        return self._call("POST", f"/v1/signers/{part(name)}/enable", Signer, {})

    def renew_signer(self, name: str, days: int | None = None) -> Answer[Signer]:
        return self._call("POST", f"/v1/signers/{part(name)}/renew", Signer, given(days=days))

    def delete_signer(self, name: str, after_seconds: int | None = None) -> Answer[Signer]:
        """It is gone at `deletes_at`; until then that can be taken back."""
        query = "" if after_seconds is None else f"?after_seconds={after_seconds}"
        return self._call("DELETE", f"/v1/signers/{part(name)}{query}", Signer)

    def undelete_signer(self, name: str) -> Answer[Signer]:
        return self._call("POST", f"/v1/signers/{part(name)}/undelete", Signer, {})

    def set_policy(self, signer: str, policy: str | None) -> Answer[Signer]:
        """None takes away the one that it has."""
        path = f"/v1/signers/{part(signer)}/policy"
        return self._call("POST", path, Signer, {"policy": policy})

    def explain(
        self, signer: str, identity: str | None = None, hash_: str | None = None
    ) -> Answer[Explanation]:
        """Whether a call to sign would be allowed now; without an identity: one of the caller,
        without a hash: with any that may be."""
        path = f"/v1/signers/{part(signer)}/explain"
        return self._get(path, Explanation, identity=identity, hash=hash_)

    def signing_request(self, name: str) -> Answer[SigningRequest]:
        return self._call("GET", f"/v1/signers/{part(name)}/csr", SigningRequest)

    def install_certificate(self, name: str, chain: str) -> Answer[Signer]:
        """`chain`: PEM of the leaf and its issuers."""
        path = f"/v1/signers/{part(name)}/certificate"
        return self._call("POST", path, Signer, {"chain": chain})

    def certificate(self, name: str) -> Answer[Certificate]:
        return self._call("GET", f"/v1/signers/{part(name)}/certificate", Certificate)

    def ca_certificate(self) -> Answer[Chain]:
        return self._call("GET", "/v1/ca/certificate", Chain)

    def members(self, signer: str, limit: int, cursor: str | None = None) -> Answer[Page[Member]]:
        path = f"/v1/signers/{part(signer)}/members"
        return self._get(path, Page[Member], limit=limit, cursor=cursor)

    def add_member(self, signer: str, identity: str, role: str) -> Answer[Member]:
        """A member already there gets the role given."""
        path = f"/v1/signers/{part(signer)}/members"
        return self._call("POST", path, Member, {"identity": identity, "role": role})

    def remove_member(self, signer: str, identity: str) -> None:
        self._send("DELETE", f"/v1/signers/{part(signer)}/members/{part(identity)}")

    def create_policy(self, name: str, terms: PolicyTerms) -> Answer[Policy]:
        body = given(name=name, **msgspec.to_builtins(terms))
        return self._call("POST", "/v1/policies", Policy, body)

    def policies(self, limit: int, cursor: str | None = None) -> Answer[Page[Policy]]:
        return self._get("/v1/policies", Page[Policy], limit=limit, cursor=cursor)

    def policy(self, name: str) -> Answer[Policy]:
        return self._call("GET", f"/v1/policies/{part(name)}", Policy)

    def edit_policy(self, name: str, terms: PolicyTerms) -> Answer[Policy]:
        """Terms that are UNSET stay as they are."""
        return self._call("PATCH", f"/v1/policies/{part(name)}", Policy, terms)

    def delete_policy(self, name: str) -> None:
        self._send("DELETE", f"/v1/policies/{part(name)}")

    def create_request(
        self,
        signer: str,
        justification: str,
        window_seconds: int | None = None,
        signings: int | None = None,
    ) -> Answer[Request]:
        """An equal one that is pending is given back instead (not `created`)."""
        body = given(justification=justification, window_seconds=window_seconds, signings=signings)
        return self._call("POST", f"/v1/signers/{part(signer)}/requests", Request, body)

    def requests(
        self,
        limit: int,
        cursor: str | None = None,
        *,
        signer: str | None = None,
        requester: str | None = None,
        state: str | None = None,
        ending: str | None = None,
    ) -> Answer[Page[Request]]:
        """Newest first. `ending`: only those whose ids end like this."""
        return self._get(
            "/v1/requests",
            Page[Request],
            limit=limit,
            cursor=cursor,
            signer=signer,
            requester=requester,
            state=state,
            ending=ending,
        )

    def request(self, request_id: str) -> Answer[Request]:
        return self._call("GET", f"/v1/requests/{part(request_id)}", Request)

    def approve_request(
        self, request_id: str, comment: str | None = None, step: int | None = None
    ) -> Answer[Request]:
        """`step`: the number of the one that the approver saw; refused if it is open no more."""
        path = f"/v1/requests/{part(request_id)}/approve"
        return self._call("POST", path, Request, given(comment=comment, step=step))

    def reject_request(
        self, request_id: str, comment: str, step: int | None = None
    ) -> Answer[Request]:
        """`step`: as for `approve_request`."""
        path = f"/v1/requests/{part(request_id)}/reject"
        return self._call("POST", path, Request, given(comment=comment, step=step))

    def cancel_request(self, request_id: str) -> Answer[Request]:
        return self._call("POST", f"/v1/requests/{part(request_id)}/cancel", Request, {})

    def proposals(
        self,
        limit: int,
        cursor: str | None = None,
        *,
        state: str | None = None,
        ending: str | None = None,
    ) -> Answer[Page[Proposal]]:
        """Newest first. `ending`: only those whose ids end like this."""
        return self._get(
            "/v1/proposals",
            Page[Proposal],
            limit=limit,
            cursor=cursor,
            state=state,
            ending=ending,
        )

    def proposal(self, proposal_id: str) -> Answer[Proposal]:
        return self._call("GET", f"/v1/proposals/{part(proposal_id)}", Proposal)

    def approve_proposal(
        self, proposal_id: str, comment: str | None = None, step: int | None = None
    ) -> Answer[Proposal]:
        """`step`: as for `approve_request`."""
        path = f"/v1/proposals/{part(proposal_id)}/approve"
        return self._call("POST", path, Proposal, given(comment=comment, step=step))

    def reject_proposal(
        self, proposal_id: str, comment: str, step: int | None = None
    ) -> Answer[Proposal]:
        """`step`: as for `approve_request`."""
        path = f"/v1/proposals/{part(proposal_id)}/reject"
        return self._call("POST", path, Proposal, given(comment=comment, step=step))

    def cancel_proposal(self, proposal_id: str) -> Answer[Proposal]:
        return self._call("POST", f"/v1/proposals/{part(proposal_id)}/cancel", Proposal, {})

    def create_grant(
        self,
        signer: str,
        identity: str,
        justification: str,
        window_seconds: int | None = None,
        signings: int | None = None,
    ) -> Answer[Grant]:
        """Pre-approved: nobody asked for it."""
        body = given(
            identity=identity,
            justification=justification,
            window_seconds=window_seconds,
            signings=signings,
        )
        return self._call("POST", f"/v1/signers/{part(signer)}/grants", Grant, body)

    def grants(
        self,
        limit: int,
        cursor: str | None = None,
        *,
        signer: str | None = None,
        grantee: str | None = None,
        state: str | None = None,
        ending: str | None = None,
    ) -> Answer[Page[Grant]]:
        """Newest first. `ending`: only those whose ids end like this."""
        return self._get(
            "/v1/grants",
            Page[Grant],
            limit=limit,
            cursor=cursor,
            signer=signer,
            grantee=grantee,
            state=state,
            ending=ending,
        )

    def grant(self, grant_id: str) -> Answer[Grant]:
        return self._call("GET", f"/v1/grants/{part(grant_id)}", Grant)

    def revoke_grant(self, grant_id: str, reason: str) -> Answer[Grant]:
        path = f"/v1/grants/{part(grant_id)}/revoke"
        return self._call("POST", path, Grant, {"reason": reason})

    def catalogue(self) -> Answer[Catalogue]:
        return self._call("GET", "/v1/catalogue", Catalogue)

    def operations(
        self,
        limit: int,
        cursor: str | None = None,
        *,
        signer: str | None = None,
        actor: str | None = None,
        kind: str | None = None,
        outcome: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        action: str | None = None,
    ) -> Answer[Page[Operation]]:
        """Newest first."""
        return self._get(
            "/v1/operations",
            Page[Operation],
            limit=limit,
            cursor=cursor,
            signer=signer,
            actor=actor,
            kind=kind,
            outcome=outcome,
            since=_spell(since),
            until=_spell(until),
            action=action,
        )

    def report(
        self,
        limit: int,
        cursor: str | None = None,
        *,
        signer: str | None = None,
        actor: str | None = None,
        outcome: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        action: str | None = None,
    ) -> Answer[Report]:
        """Oldest first, with what they rest on: calls to sign, or changes of this `action`."""
        return self._get(
            "/v1/operations/report",
            Report,
            limit=limit,
            cursor=cursor,
            signer=signer,
            actor=actor,
            outcome=outcome,
            since=_spell(since),
            until=_spell(until),
            action=action,
        )

    def explain_operation(self, name: str) -> Answer[ReportedOperation]:
        """`name`: its id, or its sequence number."""
        return self._call("GET", f"/v1/operations/{part(name)}/report", ReportedOperation)

    def log_checkpoint(self) -> str:
        """The published one, as a signed note.

        Raises:
            ValueError: it is no text.
        """
        return self._send("GET", "/v1/log/checkpoint").body.decode()

    def log_consistency(self, old: int, new: int) -> Answer[ConsistencyProof]:
        return self._get("/v1/log/consistency", ConsistencyProof, old=old, new=new)

    def witnesses(self, limit: int, cursor: str | None = None) -> Answer[Page[Witness]]:
        return self._get("/v1/log/witnesses", Page[Witness], limit=limit, cursor=cursor)

    def add_witness(self, url: str, key: str) -> Answer[Witness]:
        return self._call("POST", "/v1/log/witnesses", Witness, {"url": url, "key": key})

    def remove_witness(self, witness_id: str) -> None:
        self._send("DELETE", f"/v1/log/witnesses/{part(witness_id)}")

    def receipt(self, operation_id: str, *, witnessed: bool = False) -> str:
        """A C2SP tlog-proof. `witnessed`: refused until a witness has signed its
        checkpoint."""
        query = "?witnessed=1" if witnessed else ""
        path = f"/v1/operations/{part(operation_id)}/receipt{query}"
        response = self._send("GET", path)
        try:
            return response.body.decode()
        except UnicodeDecodeError:
            raise UnexpectedAnswerError(f"{response.url} answered {path} with no text") from None

    def operations_head(self) -> Answer[LogEnd]:
        return self._call("GET", "/v1/operations/head", LogEnd)

    def log_keys(self) -> Answer[LogKeys]:
        return self._get("/v1/log/keys", LogKeys)

    def state(self) -> Answer[State]:
        return self._call("GET", "/v1/state", State)

    def export_operations(self, since_head: str | None = None) -> Iterator[bytes]:
        """The whole log as NDJSON in the order of the chain, in pieces of any length. `since_head`:
        from the row on that has this hash.

        An answer that breaks off raises UnreachableError from the iterator.
        """
        query = "" if since_head is None else f"?since_head={part(since_head)}"
        return self._stream(f"/v1/operations/export{query}")


def _spell(time: datetime | None) -> str | None:
    """`time`: UTC."""
    return None if time is None else time.isoformat().replace("+00:00", "Z")
