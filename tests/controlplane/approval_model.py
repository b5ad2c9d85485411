"""The rules of approval, small enough to be read: a specification that runs.

Written from the contract (§2 and §4) and the wire contract; it shares no code with the server.
`Model` is the world as it should be. A command says who calls; it changes the world and writes the
rows that must then be on record, or raises `Refusal` and changes nothing. (Only a call to sign that
is denied leaves a row, one, and nothing else.)

Where several refusals apply, the one that stands first is heard: 401 who are you; 404 what you may
not see is not there; 403 you may not; 409 it cannot be done now. What is wrong with the body alone
(400) is heard before all but 401.

Identities, signers and policies go by name; requests are r1, r2, … and grants g1, g2, … in the
order in which they came. Time is whole seconds since the story began.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

DAY = 24 * 3600
BACKDATED = 300
"""A certificate begins so many seconds before it is made, for clocks that are behind."""
LONGEST_WINDOW = 30 * DAY
MOST_SIGNINGS = 1_000_000_000
HASHES = ("sha256", "sha384", "sha512")
EVERY_HASH = (*HASHES, "none")
SIGNING_ROLES = ("administrator", "operator")


class Refusal(Exception):  # noqa: N818  # an answer, not a fault
    """`request`: the pending one that the refusal of a call to sign points to."""

    def __init__(self, status: int, code: str, request: str | None = None) -> None:
        super().__init__(f"{status} {code}")
        self.status = status
        self.code = code
        self.request = request


@dataclass(slots=True)
class Identity:
    name: str
    kind: str  # user, machine
    role: str | None = None  # server-wide: admin, auditor
    owner: str | None = None
    disabled: bool = False
    proposed_owner: str | None = None  # until they accept it

    @property
    def holder(self) -> str:
        """Whose it is: a machine is in its owner's hands."""
        return self.owner or self.name

    @property
    def persons(self) -> set[str]:
        """Whom it counts as: a machine that changes hands, as both."""
        return {self.holder} if self.proposed_owner is None else {self.holder, self.proposed_owner}


@dataclass(frozen=True, slots=True)
class Step:
    name: str
    required: int
    approvers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Terms:
    max_window: int | None
    max_signings: int | None
    steps: tuple[Step, ...] = ()
    ttl: int | None = None
    hashes: tuple[str, ...] = ()  # none listed: every hash, `none` included

    @property
    def approvers(self) -> frozenset[str]:
        return frozenset(name for step in self.steps for name in step.approvers)

    def must_be_sound(self) -> None:
        """Bounded one way at least, and no step that contradicts itself."""
        if self.max_window is None and self.max_signings is None:
            raise Refusal(400, "policy_unbounded")
        names = [step.name for step in self.steps]
        sound = len(set(names)) == len(names) and len(set(self.hashes)) == len(self.hashes)
        for step in self.steps:
            sound = sound and len(set(step.approvers)) == len(step.approvers)
            sound = sound and 1 <= step.required <= len(step.approvers)
        if not sound:
            raise Refusal(400, "invalid_request")

    def settle(self, window: int | None, signings: int | None) -> tuple[int | None, int | None]:
        """What is wanted, never above the ceiling; the ceiling, where nothing is said."""
        most_seconds = LONGEST_WINDOW if self.max_window is None else self.max_window
        if window is not None and window > most_seconds:
            raise Refusal(400, "window_above_ceiling")
        most = MOST_SIGNINGS if self.max_signings is None else self.max_signings
        if signings is not None and signings > most:
            raise Refusal(400, "signings_above_ceiling")
        return (
            self.max_window if window is None else window,
            self.max_signings if signings is None else signings,
        )


def lets_more_through(before: Terms, after: Terms) -> bool:
    """Whether anything passes now that did not pass before."""

    def raised(old: int | None, new: int | None) -> bool:
        return old is not None and (new is None or new > old)

    was = {step.name: step for step in before.steps}
    is_ = {step.name: step for step in after.steps}
    return (
        raised(before.max_window, after.max_window)
        or raised(before.max_signings, after.max_signings)
        or raised(before.ttl, after.ttl)
        or not set(after.hashes or EVERY_HASH) <= set(before.hashes or EVERY_HASH)
        or not was.keys() <= is_.keys()
        or any(
            is_[name].required < was[name].required
            or not set(is_[name].approvers) <= set(was[name].approvers)
            for name in was.keys() & is_.keys()
        )
    )


def describe_edit(before: Terms, after: Terms) -> str:
    """What the readers of a policy are told: that it was loosened, even if tightened as well."""
    if lets_more_through(before, after):
        return "loosened"
    return "tightened" if lets_more_through(after, before) else "changed"


@dataclass(eq=False, slots=True)
class Policy:
    """Two policies that had the same name at different times are two policies."""

    name: str
    terms: Terms


@dataclass(eq=False, slots=True)
class Signer:
    name: str
    number: int
    certified_until: int
    policy: Policy | None = None
    members: dict[str, str] = field(default_factory=dict)  # role by identity
    disabled: bool = False
    deletes_at: int | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    step: int  # from 0
    approver: str
    verdict: str  # approved, rejected
    comment: str | None
    at: int
    holders: tuple[str, str]  # whose approver and requester were when this was said
    withdrawn_at: int | None = None


@dataclass(eq=False, slots=True)
class Request:
    """Judged by the terms as they stood when it was made."""

    name: str
    signer: str
    requester: str
    policy: Policy
    terms: Terms
    justification: str
    window: int | None
    signings: int | None
    created_at: int
    decisions: list[Decision] = field(default_factory=list)
    ended: str | None = None  # approved, rejected, cancelled
    ended_at: int | None = None
    ended_by: str | None = None
    comment: str | None = None
    grant: str | None = None

    @property
    def expires_at(self) -> int | None:
        return None if self.terms.ttl is None else self.created_at + self.terms.ttl

    def state(self, now: int) -> str:
        if self.ended is not None:
            return self.ended
        expired = self.expires_at is not None and now >= self.expires_at
        return "expired" if expired else "pending"

    @property
    def open_step(self) -> int | None:
        """The first step that lacks approvals: steps are taken in order."""
        for index, step in enumerate(self.terms.steps):
            if sum(each.step == index for each in self.counting) < step.required:
                return index
        return None

    @property
    def counting(self) -> list[Decision]:
        return [each for each in self.decisions if each.withdrawn_at is None]


@dataclass(eq=False, slots=True)
class Grant:
    """Never edited: it is only used up or revoked."""

    name: str
    signer: str
    grantee: str
    policy: Policy
    hashes: tuple[str, ...]
    justification: str
    request: str | None
    issued_by: str | None
    not_before: int
    not_after: int | None
    max_signings: int | None
    used: int = 0
    revoked_at: int | None = None
    revoked_by: str | None = None
    revoke_reason: str | None = None

    def state(self, now: int) -> str:
        if self.revoked_at is not None:
            return "revoked"
        if self.max_signings is not None and self.used >= self.max_signings:
            return "exhausted"
        if self.not_after is not None and now >= self.not_after:
            return "expired"
        return "active"

    def allows(self, hash_: str | None) -> bool:
        return hash_ is None or hash_ in (self.hashes or EVERY_HASH)


@dataclass(frozen=True, slots=True)
class PolicyChange:
    """What every reader of the policy, and of the signer, gets to see."""

    policy: Policy
    name: str
    signer: str | None
    change: str  # created, attached, detached, loosened, tightened, changed
    by: str | None  # None: nobody, when a signer was gone
    at: int


@dataclass(frozen=True, slots=True)
class Row:
    """Of the audit log. A change has `action` and `object`, a call to sign has `outcome`."""

    actor: str | None  # None: somebody on the server's own machine
    signer: str | None = None
    action: str | None = None
    object: str | None = None
    outcome: str | None = None
    reason: str | None = None
    hash: str | None = None
    grant: str | None = None


@dataclass(frozen=True, slots=True)
class Judgement:
    """Of a call to sign: `code` says why not; `grant` is the one that it uses up, if any."""

    code: str | None
    grant: Grant | None = None


@dataclass(frozen=True, slots=True)
class Explanation:
    code: str | None
    grant: str | None
    request: str | None
    policy: str | None


@dataclass(frozen=True, slots=True)
class Signature:
    """`number`: the how manieth success it was; the same again for a retry."""

    number: int
    signer: str
    hash: str


class Model:
    def __init__(self) -> None:
        self.now = 0
        self.identities: dict[str, Identity] = {}
        self.signers: dict[str, Signer] = {}
        self.deleted_signers: set[str] = set()
        self._to_erase: list[Signer] = []  # gone, and nobody has written anything since
        self.policies: dict[str, Policy] = {}
        self.requests: dict[str, Request] = {}
        self.grants: dict[str, Grant] = {}
        self.changes: list[PolicyChange] = []
        self.log: list[Row] = []
        self.retries: dict[tuple[str, str], Signature] = {}  # by identity and Idempotency-Key
        self._signatures = 0

    # Who sees what. What one may not see is answered as if it were not there.

    def reads_everything(self, who: str) -> bool:
        return self.identities[who].role is not None

    def sees_identity(self, who: str, name: str) -> bool:
        """Oneself and one's machines, those that one is to have too."""
        identity = self.identities[name]
        own = who in (name, identity.owner, identity.proposed_owner)
        return self.reads_everything(who) or own

    def sees_signer(self, who: str, name: str) -> bool:
        """Its members, and the approvers of the policy that is attached."""
        signer = self.signers.get(name)
        if signer is None:
            return False
        named = signer.policy is not None and who in signer.policy.terms.approvers
        return self.reads_everything(who) or who in signer.members or named

    def sees_policy(self, who: str, name: str) -> bool:
        """Whom it names, and who sees a signer that has it."""
        policy = self.policies.get(name)
        if policy is None:
            return False
        named = who in policy.terms.approvers
        return self.reads_everything(who) or named or bool(self.signers_with(policy, seen_by=who))

    def sees_request(self, who: str, name: str) -> bool:
        """Who made it, who sees its signer, and whom its own terms name."""
        request = self.requests[name]
        concerned = who == request.requester or who in request.terms.approvers
        return self.reads_everything(who) or concerned or self.sees_signer(who, request.signer)

    def sees_grant(self, who: str, name: str) -> bool:
        """Who holds it, and who sees its signer."""
        grant = self.grants[name]
        own = who == grant.grantee
        return self.reads_everything(who) or own or self.sees_signer(who, grant.signer)

    def sees_row(self, who: str, row: Row) -> bool:
        """One's own, and those of the signers that one sees."""
        seen = row.signer is not None and self.sees_signer(who, row.signer)
        return self.reads_everything(who) or who == row.actor or seen

    def signers_with(self, policy: Policy, *, seen_by: str | None = None) -> list[str]:
        return sorted(
            signer.name
            for signer in self.signers.values()
            if signer.policy is policy
            and (seen_by is None or self.sees_signer(seen_by, signer.name))
        )

    def changes_of_policy(self, policy: Policy, *, seen_by: str) -> list[PolicyChange]:
        """Newest first, without a word of signers that the reader does not see."""
        return [
            each
            for each in reversed(self.changes)
            if each.policy is policy
            and (
                each.signer is None
                or self.reads_everything(seen_by)
                or (each.signer in self.signers and self.sees_signer(seen_by, each.signer))
            )
        ]

    def changes_of_signer(self, signer: Signer) -> list[PolicyChange]:
        """Newest first: what it was given and lost, and every edit of what it has."""
        return [
            each
            for each in reversed(self.changes)
            if each.signer == signer.name or (each.signer is None and each.policy is signer.policy)
        ]

    # Identities: a server admin's business.

    def create_identity(
        self, who: str, name: str, kind: str, role: str | None = None, owner: str | None = None
    ) -> Identity:
        """A machine is its creator's until the owner who was named accepts it."""
        creator = self._caller(who)
        self._must_be_admin(creator)
        created = Identity(name, kind, role)
        if kind == "machine":
            created.owner, created.proposed_owner = creator.holder, creator.proposed_owner
        if owner is not None:
            self._offer(created, owner)
            if creator.proposed_owner not in (None, created.proposed_owner):
                raise Refusal(400, "invalid_request")
        if name in self.identities:
            raise Refusal(409, "identity_exists")
        before = self._contradictions()
        self.identities[name] = created
        if self._contradictions() - before:
            del self.identities[name]
            raise Refusal(409, "roles_exclude")
        self._record(who, "identity:create", name)
        return created

    def offer(self, who: str, name: str, owner: str) -> Identity:
        self._must_be_admin(self._caller(who))
        identity = self._identity(name)
        before = identity.proposed_owner
        excluded = self._contradictions()
        if owner != before:
            self._offer(identity, owner)
        if self._contradictions() - excluded:
            identity.proposed_owner = before
            raise Refusal(409, "roles_exclude")
        if identity.proposed_owner != before:
            self._record(who, "identity:edit", name)
        return identity

    def accept(self, who: str, name: str) -> Identity:
        """What the machine wanted and said in other hands ends."""
        self._caller(who)
        if name not in self.identities or not self.sees_identity(who, name):
            raise Refusal(404, "identity_not_found")
        identity = self.identities[name]
        if (identity.owner, identity.proposed_owner) == (who, None):
            return identity
        if identity.proposed_owner != who:
            raise Refusal(403, "not_proposed_owner")
        identity.owner, identity.proposed_owner = who, None
        self._record(who, "identity:accept", name)
        self._cancel_all(who, name)
        self._withdraw_all(who, name)
        return identity

    def _offer(self, machine: Identity, user: str) -> None:
        """Its owner's name takes back what was offered."""
        other = self.identities.get(user)
        if machine.kind == "user" or other is None or other.kind != "user":
            raise Refusal(400, "invalid_request")
        if user != machine.owner and other.disabled:
            raise Refusal(400, "invalid_request")
        machine.proposed_owner = None if user == machine.owner else user

    def _cancel_all(self, who: str, requester: str) -> None:
        for request in self.requests.values():
            if request.requester == requester and request.state(self.now) == "pending":
                self._cancel(who, request)

    def _withdraw_all(self, who: str, approver: str) -> None:
        """The approvals on steps that are not complete."""
        for request in self.requests.values():
            open_ = request.open_step
            for at, each in enumerate(request.decisions):
                counts = each.step == open_ and each.withdrawn_at is None
                if request.state(self.now) == "pending" and counts and each.approver == approver:
                    request.decisions[at] = replace(each, withdrawn_at=self.now)
                    self._record(who, "request:withdraw", request.name, signer=request.signer)

    def enable_identity(self, who: str, name: str) -> Identity:
        self._must_be_admin(self._caller(who))
        identity = self._identity(name)
        if identity.disabled:
            identity.disabled = False
            self._record(who, "identity:enable", name)
        return identity

    def disable_identity(self, who: str, name: str, machines: str | None) -> Identity:
        """There is always an admin left who can enable the others. `machines`: of those that it
        owns; disable, keep, or who is to own them."""
        self._must_be_admin(self._caller(who))
        identity = self._identity(name)
        if identity.disabled and machines is None:
            return identity
        owned = [each for each in self.identities.values() if each.owner == name]
        owned.sort(key=lambda each: each.name)
        enabled = [each for each in owned if not each.disabled]
        self._must_leave_an_admin([identity])
        if enabled and machines is None:
            raise Refusal(409, "machines_undecided")
        goes = [identity, *enabled] if machines == "disable" else [identity]
        self._must_leave_an_admin(goes)
        if machines not in (None, "disable", "keep"):
            self._hand_over(who, enabled, machines)
        for each in goes:
            if not each.disabled:
                each.disabled = True
                self._record(who, "identity:disable", each.name)
        for each in goes:
            self._cancel_all(who, each.name)
        for each in [identity, *owned]:
            self._withdraw_all(who, each.name)
        return identity

    def _must_leave_an_admin(self, goes: Sequence[Identity]) -> None:
        admins = [each for each in self.identities.values() if each.role == "admin"]
        able = [each for each in admins if not each.disabled]
        if any(each in able for each in goes) and all(each in goes for each in able):
            raise Refusal(409, "last_admin")

    def _hand_over(self, who: str, machines: Sequence[Identity], user: str) -> None:
        """All of them, or none."""
        before = [each.proposed_owner for each in machines]
        excluded = self._contradictions()
        try:
            for each in machines:
                if user == each.owner:
                    other = self.identities[user]
                    raise (
                        Refusal(400, "invalid_request")
                        if other.disabled
                        else Refusal(409, "machines_undecided")
                    )
                self._offer(each, user)
            if self._contradictions() - excluded:
                raise Refusal(409, "roles_exclude")
        except Refusal:
            for each, offered in zip(machines, before, strict=True):
                each.proposed_owner = offered
            raise
        for each in machines:
            self._record(who, "identity:edit", each.name)

    # Signers and their members. Creating a signer makes nobody a member.

    def create_signer(
        self, who: str, name: str, certified_until: int, policy: str | None = None
    ) -> Signer:
        """The name of a deleted one is never given again."""
        self._must_be_admin(self._caller(who))
        if name in self.signers:
            raise Refusal(409, "signer_exists")
        if name in self.deleted_signers:
            raise Refusal(409, "signer_name_used")
        number = len(self.signers) + len(self.deleted_signers) + 1
        signer = Signer(name, number, certified_until)
        wanted = None if policy is None else self._policy(policy)
        if wanted is not None:
            self._must_be_met(wanted.terms, signer)
        self.signers[name] = signer
        self._record(who, "signer:create", name, signer=name)
        self._change_policy(who, signer, wanted)
        return signer

    def set_signer_disabled(self, who: str, name: str, disabled: bool) -> Signer:
        signer = self._managed_signer(who, name)
        if not disabled:
            self._must_stay(signer)
        if signer.disabled != disabled:
            signer.disabled = disabled
            verb = "disable" if disabled else "enable"
            self._record(who, f"signer:{verb}", name, signer=name)
        return signer

    def delete_signer(self, who: str, name: str, after: int) -> Signer:
        """Ends what is open on it at once; its requests, grants and rows stay."""
        caller = self._caller(who)
        signer = self._visible_signer(who, name)
        self._must_be_admin(caller)
        self._must_stay(signer)
        if not signer.disabled:
            raise Refusal(409, "signer_not_disabled")
        if after == 0 and any((row.signer, row.outcome) == (name, "succeeded") for row in self.log):
            raise Refusal(400, "invalid_request")
        for request in self.requests.values():
            if request.signer == name and request.state(self.now) == "pending":
                self._cancel(who, request)
        for grant in self.grants.values():
            if grant.signer == name and grant.state(self.now) == "active":
                self._revoke(who, grant, "The signer is being deleted.")
        signer.deletes_at = self.now + after
        self.pass_to(self.now)
        self._record(who, "signer:delete", name, signer=name)
        return signer

    def undelete_signer(self, who: str, name: str) -> Signer:
        caller = self._caller(who)
        signer = self._visible_signer(who, name)
        self._must_be_admin(caller)
        if signer.deletes_at is not None:
            signer.deletes_at = None
            self._record(who, "signer:undelete", name, signer=name)
        return signer

    def pass_to(self, now: int) -> None:
        """What has to be deleted by then is gone; the next change erases it."""
        self.now = now
        for signer in [*self.signers.values()]:
            if signer.deletes_at is not None and now >= signer.deletes_at:
                del self.signers[signer.name]
                self.deleted_signers.add(signer.name)
                self._to_erase.append(signer)

    def put_member(self, who: str, name: str, identity: str, role: str) -> bool:
        """Adds, or gives another role. True: was no member before."""
        signer = self._managed_signer(who, name)
        self._identity(identity)
        before = signer.members.get(identity)
        excluded = self._contradictions()
        if before != role:
            signer.members[identity] = role
            if self._contradictions() - excluded:
                signer.members.pop(identity)
                if before is not None:
                    signer.members[identity] = before
                raise Refusal(409, "roles_exclude")
            action = "member:add" if before is None else "member:change"
            self._record(who, action, identity, signer=name)
        return before is None

    def _contradictions(self) -> set[tuple[str, str, str, str]]:
        """Who watches, and what they are besides, themselves or by way of a machine."""
        found = set()
        for holder in self.identities.values():
            for name in {holder.name, *holder.persons}:
                watcher = self.identities[name]
                if watcher.role == "auditor" and holder.role == "admin":
                    found.add((name, holder.name, "admin", ""))
                for signer in self.signers.values():
                    if watcher.role != "auditor" and signer.members.get(name) != "auditor":
                        continue
                    if signer.members.get(holder.name) in SIGNING_ROLES:
                        role = signer.members[holder.name]
                        found.add((name, holder.name, role, signer.name))
                    if holder.name in self._asked_on(signer):
                        found.add((name, holder.name, "approver", signer.name))
        return found

    def _asked_on(self, signer: Signer) -> set[str]:
        """Whom its policy or a request that waits names."""
        asked = set(signer.policy.terms.approvers) if signer.policy is not None else set()
        for request in self.requests.values():
            if request.signer == signer.name and request.state(self.now) == "pending":
                asked |= request.terms.approvers
        return asked

    def _signs(self, who: str, signer: Signer) -> bool:
        """Whoever watches does not, whatever else they are."""
        role = signer.members.get(who)
        return role in SIGNING_ROLES and not self._is_auditor(who, signer.name)

    def remove_member(self, who: str, name: str, identity: str) -> None:
        signer = self._managed_signer(who, name)
        self._identity(identity)
        if identity not in signer.members:
            raise Refusal(404, "member_not_found")
        del signer.members[identity]
        self._record(who, "member:remove", identity, signer=name)

    # Policies.

    def create_policy(self, who: str, name: str, terms: Terms) -> Policy:
        caller = self._caller(who)
        terms.must_be_sound()
        self._must_be_admin(caller)
        if name in self.policies:
            raise Refusal(409, "policy_exists")
        self._must_name_identities(terms)
        policy = self.policies[name] = Policy(name, terms)
        self._tell(who, policy, "created")
        self._record(who, "policy:create", name)
        return policy

    def edit_policy(self, who: str, name: str, **new: Any) -> Policy:
        """Touches new requests only: requests and grants keep what they were made under."""
        self._must_be_admin(self._caller(who))
        policy = self._policy(name)
        after = replace(policy.terms, **new)
        if after == policy.terms:
            return policy
        after.must_be_sound()
        self._must_name_identities(after)
        for signer in self.signers_with(policy):
            self._must_be_met(after, self.signers[signer])
        self._tell(who, policy, describe_edit(policy.terms, after))
        policy.terms = after
        self._record(who, "policy:edit", name)
        return policy

    def delete_policy(self, who: str, name: str) -> None:
        self._must_be_admin(self._caller(who))
        policy = self._policy(name)
        if self.signers_with(policy):
            raise Refusal(409, "policy_in_use")
        del self.policies[name]
        self._record(who, "policy:delete", name)

    def set_policy(self, who: str, name: str, policy: str | None) -> Signer:
        """None: members with a signing role sign at once."""
        signer = self._managed_signer(who, name)
        if policy is not None and not self.sees_policy(who, policy):
            raise Refusal(404, "policy_not_found")
        wanted = None if policy is None else self._policy(policy)
        if wanted is not None and wanted is not signer.policy:
            self._must_be_met(wanted.terms, signer)
        self._change_policy(who, signer, wanted)
        return signer

    def _change_policy(self, who: str, signer: Signer, wanted: Policy | None) -> None:
        before, signer.policy = signer.policy, wanted
        if before is wanted:
            return
        if before is not None:
            self._tell(who, before, "detached", signer.name)
        if wanted is not None:
            self._tell(who, wanted, "attached", signer.name)
        self._record(who, "signer:set_policy", signer.name, signer=signer.name)

    def _must_be_met(self, terms: Terms, signer: Signer) -> None:
        """Enough different people could give each step's approvals on this signer."""
        for step in terms.steps:
            able = [name for name in step.approvers if not self._is_gone(name)]
            able = [name for name in able if not self._is_auditor(name, signer.name)]
            teams = itertools.combinations([self.identities[name] for name in able], step.required)
            if not any(_are_different(team) for team in teams):
                raise Refusal(409, "policy_cannot_be_met")

    def _is_gone(self, name: str) -> bool:
        """Disabled, or a machine whose owner is: it is nobody's, and approves nothing."""
        identity = self.identities[name]
        return identity.disabled or self.identities[identity.holder].disabled

    def _must_name_identities(self, terms: Terms) -> None:
        if not terms.approvers <= self.identities.keys():
            raise Refusal(400, "invalid_request")

    # Requests: who may sign asks, others decide.

    def ask(
        self,
        who: str,
        name: str,
        justification: str,
        window: int | None = None,
        signings: int | None = None,
    ) -> tuple[Request, bool]:
        """True: it is new. An equal one that is pending is not asked for twice; under a policy
        without steps the grant is there at once."""
        self._caller(who)
        justification = _text(justification)
        signer = self._visible_signer(who, name)
        if who not in signer.members:
            raise Refusal(403, "not_a_member")
        if not self._signs(who, signer):
            raise Refusal(403, "role_cannot_sign")
        self._must_stay(signer)
        if signer.policy is None:
            raise Refusal(409, "no_policy")
        terms = signer.policy.terms
        window, signings = terms.settle(window, signings)
        request = Request(
            name=f"r{len(self.requests) + 1}",
            signer=name,
            requester=who,
            policy=signer.policy,
            terms=terms,
            justification=justification,
            window=window,
            signings=signings,
            created_at=self.now,
        )
        for other in self.requests.values():
            if other.state(self.now) == "pending" and _wanted(other) == _wanted(request):
                return other, False
        self.requests[request.name] = request
        self._record(who, "request:create", request.name, signer=name)
        self._issue_if_complete(who, request)
        return request, True

    def approve(
        self, who: str, name: str, step: int | None = None, comment: str | None = None
    ) -> Request:
        """`step`: the one that the approver saw, from 1. The last approval brings the grant."""
        self._caller(who)
        request = self._visible_request(who, name)
        open_ = self._open_to(who, request, step, "approved")
        signer = self.signers[request.signer]
        if signer.policy is not request.policy:
            raise Refusal(409, "policy_detached")
        requester = self.identities[request.requester]
        if requester.disabled or not self._signs(requester.name, signer):
            raise Refusal(409, "requester_cannot_sign")
        self._decide(who, request, open_, "approved", comment)
        self._record(who, "request:approve", name, signer=request.signer)
        self._issue_if_complete(who, request)
        return request

    def reject(self, who: str, name: str, comment: str, step: int | None = None) -> Request:
        """One no ends it, whatever was approved before."""
        self._caller(who)
        comment = _text(comment)
        request = self._visible_request(who, name)
        open_ = self._open_to(who, request, step, "rejected")
        self._decide(who, request, open_, "rejected", comment)
        self._end(who, request, "rejected")
        request.comment = comment
        self._record(who, "request:reject", name, signer=request.signer)
        return request

    def cancel(self, who: str, name: str) -> Request:
        """By who made it, an administrator of the signer, or a server admin."""
        self._caller(who)
        request = self._visible_request(who, name)
        if who != request.requester and not self._manages(who, request.signer):
            raise Refusal(403, "requester_required")
        if request.state(self.now) != "pending":
            raise Refusal(409, "request_not_pending")
        self._cancel(who, request)
        return request

    def _decide(
        self, who: str, request: Request, step: int, verdict: str, comment: str | None
    ) -> None:
        """In the place of what was withdrawn, if it is said anew."""
        request.decisions = [
            each for each in request.decisions if (each.step, each.approver) != (step, who)
        ]
        holders = (self.identities[who].holder, self.identities[request.requester].holder)
        request.decisions.append(Decision(step, who, verdict, comment, self.now, holders))

    def _open_to(self, who: str, request: Request, step: int | None, verdict: str) -> int:
        """The step that this decision counts for. Everybody who is asked may say no."""
        identity, requester = self.identities[who], self.identities[request.requester]
        open_ = request.open_step
        if request.state(self.now) != "pending" or open_ is None:
            raise Refusal(409, "request_not_pending")
        approves = verdict == "approved"
        if approves and not _are_different((identity, requester)):
            raise Refusal(403, "own_request")  # nor one of a machine of the same owner
        if self._is_auditor(who, request.signer):
            raise Refusal(403, "auditor_cannot_approve")
        if approves and self._is_gone(who):
            raise Refusal(403, "owner_disabled")
        if step is not None and step != open_ + 1:
            raise Refusal(409, "step_changed")
        if who not in request.terms.steps[open_].approvers:
            raise Refusal(403, "not_an_approver")
        # Nobody's no is lost because of a machine that is to be theirs.
        others = {each.approver: self.identities[each.approver] for each in request.counting}
        decided = {
            each.step
            for each in request.counting
            if (
                not _are_different((others[each.approver], identity))
                if approves
                else others[each.approver].persons == identity.persons
            )
        }
        # Once a step; and whoever decided on an earlier one must say that they mean the next.
        if open_ in decided or (decided and step is None):
            raise Refusal(409, "already_decided")
        return open_

    def _issue_if_complete(self, who: str, request: Request) -> None:
        if request.open_step is not None:
            return
        grant = self._new_grant(
            request.signer,
            request.requester,
            request.policy,
            request.terms.hashes,
            request.justification,
            request.window,
            request.signings,
        )
        grant.request, request.grant = request.name, grant.name
        self._end(who, request, "approved")
        self._record(who, "grant:issue", grant.name, signer=request.signer)

    def _end(self, who: str, request: Request, state: str) -> None:
        request.ended, request.ended_at, request.ended_by = state, self.now, who

    def _cancel(self, who: str, request: Request) -> None:
        self._end(who, request, "cancelled")
        self._record(who, "request:cancel", request.name, signer=request.signer)

    # Grants.

    def pre_approve(
        self,
        who: str,
        name: str,
        grantee: str,
        justification: str,
        window: int | None = None,
        signings: int | None = None,
    ) -> Grant:
        """By an administrator of the signer (no server admin), within the policy's ceilings, never
        for the same person."""
        identity = self._caller(who)
        justification = _text(justification)
        signer = self._visible_signer(who, name)
        if signer.members.get(who) != "administrator":
            raise Refusal(403, "administrator_required")
        self._must_stay(signer)
        if signer.policy is None:
            raise Refusal(409, "no_policy")
        if grantee not in self.identities or grantee not in signer.members:
            raise Refusal(404, "member_not_found")
        other = self.identities[grantee]
        if other.disabled or not self._signs(grantee, signer):
            raise Refusal(409, "grantee_cannot_sign")
        if not _are_different((other, identity)):
            raise Refusal(403, "own_grant")
        terms = signer.policy.terms
        window, signings = terms.settle(window, signings)
        grant = self._new_grant(
            name, grantee, signer.policy, terms.hashes, justification, window, signings
        )
        grant.issued_by = who
        self._record(who, "grant:create", grant.name, signer=name)
        return grant

    def revoke(self, who: str, name: str, reason: str) -> Grant:
        """By an administrator of the signer or a server admin."""
        self._caller(who)
        reason = _text(reason)
        if name not in self.grants or not self.sees_grant(who, name):
            raise Refusal(404, "grant_not_found")
        grant = self.grants[name]
        if not self._manages(who, grant.signer):
            raise Refusal(403, "administrator_required")
        if grant.state(self.now) != "active":
            raise Refusal(409, "grant_not_active")
        self._revoke(who, grant, reason)
        return grant

    def _new_grant(
        self,
        signer: str,
        grantee: str,
        policy: Policy,
        hashes: tuple[str, ...],
        justification: str,
        window: int | None,
        signings: int | None,
    ) -> Grant:
        """Its window starts now; without one it has no end."""
        grant = Grant(
            name=f"g{len(self.grants) + 1}",
            signer=signer,
            grantee=grantee,
            policy=policy,
            hashes=hashes,
            justification=justification,
            request=None,
            issued_by=None,
            not_before=self.now,
            not_after=None if window is None else self.now + window,
            max_signings=signings,
        )
        self.grants[grant.name] = grant
        return grant

    def _revoke(self, who: str, grant: Grant, reason: str) -> None:
        grant.revoked_at, grant.revoked_by, grant.revoke_reason = self.now, who, reason
        self._record(who, "grant:revoke", grant.name, signer=grant.signer)

    # Signing.

    def judge(self, who: str, name: str, hash_: str | None) -> Judgement:
        """May this identity sign with this signer now? `hash_` None: with any hash at all."""
        if self.identities[who].disabled:
            return Judgement("identity_disabled")
        signer = self.signers.get(name)
        if signer is None or who not in signer.members:
            return Judgement("not_a_member")
        if not self._signs(who, signer):
            return Judgement("role_cannot_sign")
        if signer.disabled:
            return Judgement("signer_disabled")
        if self.now >= signer.certified_until:
            return Judgement("certificate_expired")
        if signer.policy is None:
            return Judgement(None)
        open_ = [
            grant
            for grant in self.grants.values()
            if (grant.signer, grant.grantee) == (name, who)
            and grant.policy is signer.policy  # counts only while that policy is attached
            and grant.state(self.now) == "active"
        ]
        usable = [grant for grant in open_ if grant.allows(hash_)]
        if usable:
            # The one that ends first, so that none is lost unused; then the oldest.
            return Judgement(None, min(usable, key=_end_of))
        if open_ or hash_ not in {None, *(signer.policy.terms.hashes or EVERY_HASH)}:
            return Judgement("algorithm_not_allowed")
        return Judgement("no_active_grant")

    def pending_request(self, who: str, name: str) -> str | None:
        """The newest of this identity that waits under the policy that the signer has."""
        signer = self.signers.get(name)
        found = [
            request.name
            for request in self.requests.values()
            if (request.signer, request.requester) == (name, who)
            and signer is not None
            and request.policy is signer.policy
            and request.state(self.now) == "pending"
        ]
        return found[-1] if found else None

    def sign(self, who: str, name: str, hash_: str, key: str | None = None) -> Signature:
        """One row whatever comes of it; `key`: the Idempotency-Key, which binds to a success: the
        same call again gets the same signature, uses nothing up and adds no row, as long as it
        lacks at most a grant."""
        retry = None if key is None else self.retries.get((who, key))
        judged = self.judge(who, name, hash_)
        if retry is not None and not self.identities[who].disabled:
            if (retry.signer, retry.hash) != (name, hash_):
                self._record_sign(who, name, hash_, "denied", "idempotency_conflict")
                raise Refusal(409, "idempotency_conflict")
            if judged.code in (None, "no_active_grant", "algorithm_not_allowed"):
                return retry
        if judged.code is not None:
            self._record_sign(who, name, hash_, "denied", judged.code)
            raise self._refuse_to_sign(who, name, judged.code)
        if judged.grant is not None:
            judged.grant.used += 1
        self._record_sign(who, name, hash_, "succeeded", None, judged.grant)
        self._signatures += 1
        signature = Signature(self._signatures, name, hash_)
        if key is not None:
            self.retries[who, key] = signature
        return signature

    def _refuse_to_sign(self, who: str, name: str, code: str) -> Refusal:
        """The row has the code; the caller does not even hear of a signer that it does not see."""
        if code == "identity_disabled":
            return Refusal(401, code)
        if not self.sees_signer(who, name):
            return Refusal(404, "signer_not_found")
        waiting = self.pending_request(who, name) if code == "no_active_grant" else None
        return Refusal(403, code, waiting)

    def explain(self, who: str, name: str, identity: str, hash_: str | None) -> Explanation:
        """What `sign` would say, to whom may know: about oneself, one's machines and members."""
        self._caller(who)
        signer = self._visible_signer(who, name)
        known = identity in self.identities
        if not known or not (identity in signer.members or self.sees_identity(who, identity)):
            raise Refusal(404, "identity_not_found")
        judged = self.judge(identity, name, hash_)
        return Explanation(
            code=judged.code,
            grant=judged.grant.name if judged.grant else None,
            request=self.pending_request(identity, name),
            policy=signer.policy.name if signer.policy else None,
        )

    # What the rules above are made of.

    def _caller(self, who: str) -> Identity:
        if self.identities[who].disabled:
            raise Refusal(401, "identity_disabled")
        return self.identities[who]

    def _must_be_admin(self, identity: Identity) -> None:
        if identity.role != "admin":
            raise Refusal(403, "admin_required")

    def _manages(self, who: str, name: str) -> bool:
        """A server admin, or an administrator of the signer."""
        signer = self.signers.get(name)
        administers = signer is not None and signer.members.get(who) == "administrator"
        return self.identities[who].role == "admin" or administers

    def _is_auditor(self, who: str, name: str) -> bool:
        """Of the server or of the signer: who watches decides nothing, nor do their machines."""
        signer = self.signers.get(name)
        members = signer.members if signer is not None else {}
        one_person = {who, *self.identities[who].persons}
        return any(
            self.identities[each].role == "auditor" or members.get(each) == "auditor"
            for each in one_person
        )

    def _identity(self, name: str) -> Identity:
        if name not in self.identities:
            raise Refusal(404, "identity_not_found")
        return self.identities[name]

    def _policy(self, name: str) -> Policy:
        if name not in self.policies:
            raise Refusal(404, "policy_not_found")
        return self.policies[name]

    def _must_stay(self, signer: Signer) -> None:
        if signer.deletes_at is not None:
            raise Refusal(409, "signer_deleting")

    def _visible_signer(self, who: str, name: str) -> Signer:
        if not self.sees_signer(who, name):
            raise Refusal(404, "signer_not_found")
        return self.signers[name]

    def _managed_signer(self, who: str, name: str) -> Signer:
        self._caller(who)
        signer = self._visible_signer(who, name)
        if not self._manages(who, name):
            raise Refusal(403, "administrator_required")
        return signer

    def _visible_request(self, who: str, name: str) -> Request:
        if name not in self.requests or not self.sees_request(who, name):
            raise Refusal(404, "request_not_found")
        return self.requests[name]

    def _record(self, who: str, action: str, object_: str, *, signer: str | None = None) -> None:
        self.log.append(Row(who, signer, action=action, object=object_))
        gone, self._to_erase = self._to_erase, []
        for each in sorted(gone, key=lambda signer: signer.number):
            self.log.append(Row(None, each.name, action="signer:erase", object=each.name))
            if each.policy is not None and each.deletes_at is not None:
                detached = PolicyChange(
                    each.policy, each.policy.name, each.name, "detached", None, each.deletes_at
                )
                self.changes.append(detached)

    def _record_sign(
        self,
        who: str,
        name: str,
        hash_: str,
        outcome: str,
        reason: str | None,
        grant: Grant | None = None,
    ) -> None:
        used = grant.name if grant else None
        self.log.append(Row(who, name, outcome=outcome, reason=reason, hash=hash_, grant=used))

    def _tell(self, who: str, policy: Policy, change: str, signer: str | None = None) -> None:
        self.changes.append(PolicyChange(policy, policy.name, signer, change, who, self.now))


def _text(text: str) -> str:
    """Why somebody does it: nobody gets away with nothing."""
    if not text.strip():
        raise Refusal(400, "invalid_request")
    return text.strip()


def _are_different(identities: Sequence[Identity]) -> bool:
    """No two of them the same person."""
    pairs = itertools.combinations(identities, 2)
    return all(one.persons.isdisjoint(other.persons) for one, other in pairs)


def _wanted(request: Request) -> tuple[object, ...]:
    """What makes two requests equal."""
    return (
        request.signer,
        request.requester,
        request.policy,
        request.terms,
        request.justification,
        request.window,
        request.signings,
    )


def _end_of(grant: Grant) -> tuple[float, int]:
    return (float("inf") if grant.not_after is None else grant.not_after, grant.not_before)
