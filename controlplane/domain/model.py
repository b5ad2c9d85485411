"""The nouns of the contract as immutable values. No Falcon, no Peewee.

Times are aware UTC datetimes; hashes and serials lower-case hex; digests and signatures raw bytes.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum
from typing import ClassVar

from msgspec import Struct

from controlplane.algorithms.hashes import HashAlgorithm as HashAlgorithm
from controlplane.algorithms.kinds import KeyAlgorithm as KeyAlgorithm
from controlplane.algorithms.kinds import Scheme as Scheme
from controlplane.algorithms.scheme import EcdsaEncoding as EcdsaEncoding
from controlplane.algorithms.scheme import PssParameters as PssParameters
from controlplane.algorithms.scheme import ToSign
from controlplane.domain.action import Action
from controlplane.domain.names import GROUP_MARK
from controlplane.domain.network import Network, is_within
from controlplane.domain.signer import SignerDescription
from controlplane.domain.validity import first_issuer_end
from controlplane.errors import Code


class IdentityKind(StrEnum):
    USER = "user"
    MACHINE = "machine"


class ServerRole(StrEnum):
    ADMIN = "admin"
    AUDITOR = "auditor"


class MemberRole(StrEnum):
    ADMINISTRATOR = "administrator"
    OPERATOR = "operator"
    AUDITOR = "auditor"

    @property
    def signs(self) -> bool:
        return self is not MemberRole.AUDITOR


class SignerStatus(StrEnum):
    PENDING = "pending"
    ACTIVE = "active"
    DISABLED = "disabled"
    EXPIRED = "expired"
    DELETING = "deleting"


class RequestState(StrEnum):
    PENDING = "pending"
    APPROVED = "approved"
    REJECTED = "rejected"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


class Verdict(StrEnum):
    APPROVED = "approved"
    REJECTED = "rejected"


class GrantState(StrEnum):
    ACTIVE = "active"
    EXPIRED = "expired"
    EXHAUSTED = "exhausted"
    REVOKED = "revoked"
    SUSPENDED = "suspended"


class PolicyChangeKind(StrEnum):
    """`changed`: neither looser nor tighter, such as another order of the steps."""

    CREATED = "created"
    ATTACHED = "attached"
    DETACHED = "detached"
    LOOSENED = "loosened"
    TIGHTENED = "tightened"
    CHANGED = "changed"


class CredentialKind(StrEnum):
    API_KEY = "api_key"


class OperationKind(StrEnum):
    SIGN = "sign"
    CHANGE = "change"
    TIMESTAMP = "timestamp"


class Outcome(StrEnum):
    SUCCEEDED = "succeeded"
    DENIED = "denied"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Identity:
    id: str
    name: str
    kind: IdentityKind
    role: ServerRole | None
    disabled: bool
    owner: str | None  # name of the user who owns this machine
    created_at: datetime
    proposed_owner: str | None = None  # name of the user who is to own it, and has not accepted
    email: str | None = None

    @property
    def mention(self) -> str:
        """How it is named where a group could be."""
        return self.name

    @property
    def persons(self) -> frozenset[str]:
        """The names of who stands behind it, two for a machine that changes hands: nobody may
        answer themselves by way of a machine."""
        behind = frozenset({self.owner or self.name})
        return behind if self.proposed_owner is None else behind | {self.proposed_owner}

    def is_of(self, other: "Identity") -> bool:
        """Whether one person stands behind both."""
        return not self.persons.isdisjoint(other.persons)


@dataclass(frozen=True, slots=True)
class Group:
    """Users who are named together. `users`: their names, in order."""

    id: str
    name: str
    users: tuple[str, ...]
    created_at: datetime

    @property
    def mention(self) -> str:
        """How it is named where an identity could be."""
        return f"{GROUP_MARK}{self.name}"


@dataclass(frozen=True, slots=True)
class LastUse:
    """`address` None: not known, as over a unix socket."""

    on: date  # in UTC
    address: str | None


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key without its secret: that is shown once and stored only as SHA-256."""

    id: str
    identity_id: str
    created_at: datetime
    revoked_at: datetime | None
    expires_at: datetime | None = None
    allowed_addresses: tuple[Network, ...] = ()  # none: from everywhere
    issued_by: str | None = None  # name of an identity; None: not known, or the server's machine
    enrolled: bool = False  # nobody but its holder ever saw it
    suspended_at: datetime | None = None  # by a rollback, until it is confirmed
    last_use: LastUse | None = None  # where keys are read to be shown; None: none is known

    def has_ended(self, now: datetime) -> bool:
        return self.expires_at is not None and now >= self.expires_at

    def admits(self, address: str | None) -> bool:
        """Calls from there. An address that is not known is none of those that are allowed."""
        return not self.allowed_addresses or is_within(address, self.allowed_addresses)

    def credential(self, at: datetime) -> "Credential":
        """As a row says it of a call at this time."""
        age = max(int((at - self.created_at).total_seconds()), 0)
        return Credential(age, self.enrolled, self.id, self.issued_by, CredentialKind.API_KEY)


class Credential(Struct, frozen=True, gc=False):
    """What a call presented. `issued_by`: the name of who made it, as far as that is known;
    `enrolled`: nobody but its holder ever saw it. A struct: each call to sign makes one. Listed by
    name: so it stands in what is hashed."""

    age_seconds: int
    enrolled: bool
    id: str
    issued_by: str | None
    kind: CredentialKind


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls and with which key, as authentication found them."""

    identity: Identity
    key: ApiKey
    carrying: "Proposal | None" = None  # that this call carries out

    @property
    def api_key_id(self) -> str:
        return self.key.id

    @property
    def author(self) -> str:
        """The name of whose idea it is, what this call does."""
        return self.identity.name if self.carrying is None else self.carrying.proposer


@dataclass(frozen=True, slots=True)
class Certificate:
    serial: str
    subject: str  # RFC 4514
    issuer: str
    not_before: datetime
    not_after: datetime
    der: bytes
    chain: tuple[bytes, ...]  # DER, the leaf's issuer first, root last

    @property
    def usable_until(self) -> datetime:
        """From then on it, or a certificate that it rests on, has ended."""
        issuer = first_issuer_end(self.chain)
        return self.not_after if issuer is None else min(self.not_after, issuer.at)


@dataclass(frozen=True, slots=True)
class Step:
    """One step of an approval: so many different people of these must say yes."""

    name: str
    required: int
    approvers: tuple[str, ...]  # names of identities, distinct; in a policy of groups too


@dataclass(frozen=True, slots=True)
class Terms:
    """What a policy demands. A request keeps those that it was made under.

    `max_window_seconds` and `max_signings`: the ceilings of a grant, at least one of them given.
    `hashes`: empty allows every hash, `none` included. `protected`: while the policy is attached,
    its own steps decide about it.
    """

    max_window_seconds: int | None
    max_signings: int | None
    steps: tuple[Step, ...] = ()
    request_ttl_seconds: int | None = None
    hashes: tuple[HashAlgorithm, ...] = ()
    protected: bool = False

    @property
    def approvers(self) -> frozenset[str]:
        return frozenset(name for step in self.steps for name in step.approvers)

    def of_people(self, groups: "Iterable[Group]") -> "Terms":
        """The same, with the users of each of these groups in its place."""
        users = {group.mention: group.users for group in groups}
        if not users:
            return self

        def people(step: Step) -> tuple[str, ...]:
            named = (name for each in step.approvers for name in users.get(each, (each,)))
            return tuple(dict.fromkeys(named))

        return replace(
            self, steps=tuple(replace(step, approvers=people(step)) for step in self.steps)
        )


@dataclass(frozen=True, slots=True)
class Policy:
    """`terms` as they were written; `groups`: those that they name, as they are now."""

    id: str
    name: str
    terms: Terms
    created_at: datetime
    groups: tuple[Group, ...] = ()

    @property
    def people(self) -> Terms:
        """What it demands now, and of whom."""
        return self.terms.of_people(self.groups)


@dataclass(frozen=True, slots=True)
class PolicyChange:
    """What every reader of the policy, and of a signer that it was attached to, gets to see."""

    at: datetime
    by: str | None  # None: on the server's own machine
    policy_id: str
    policy: str
    signer: str | None  # that it was attached to or detached from
    change: PolicyChangeKind
    what: tuple[str, ...]  # sentences


@dataclass(frozen=True, slots=True)
class Decision:
    """What one approver said, and with which credential. `step` counts from 0. An approval that was
    withdrawn does not count, nor one that a rollback suspended until it is confirmed."""

    step: int
    approver: str
    verdict: Verdict
    comment: str | None
    at: datetime
    credential: Credential | None = None  # None: from before it was noted
    withdrawn_at: datetime | None = None
    suspended_at: datetime | None = None

    @property
    def counts(self) -> bool:
        return self.withdrawn_at is None and self.suspended_at is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ballot:
    """What approvers decide on, step by step. `ended` is the state that it was brought to, None
    while nobody did; whether it is expired only the clock says."""

    noun: ClassVar[str]
    own: ClassVar[Code]  # the refusal of who would say yes to themselves
    finished: ClassVar[Code]  # and of a decision that comes too late

    id: str
    signer: str | None  # that it is about
    created_at: datetime
    expires_at: datetime | None
    decisions: tuple[Decision, ...] = ()  # oldest first
    ended: RequestState | None = None
    ended_at: datetime | None = None
    ended_by: str | None = None
    comment: str | None = None

    @property
    def asker(self) -> str:
        raise NotImplementedError

    @property
    def steps(self) -> tuple[Step, ...]:
        raise NotImplementedError

    def state(self, now: datetime) -> RequestState:
        if self.ended is not None:
            return self.ended
        if self.expires_at is not None and now >= self.expires_at:
            return RequestState.EXPIRED
        return RequestState.PENDING

    @property
    def counting(self) -> tuple[Decision, ...]:
        return tuple(each for each in self.decisions if each.counts)

    def and_this(self, decision: Decision) -> tuple[Decision, ...]:
        """The decisions with one more, in the place of one by the same approver on the same step
        that does not count."""
        said = (decision.step, decision.approver)
        others = (each for each in self.decisions if (each.step, each.approver) != said)
        return (*others, decision)

    def approvals(self, step: int) -> tuple[Decision, ...]:
        return tuple(
            each for each in self.counting if each.step == step and each.verdict is Verdict.APPROVED
        )

    @property
    def open_step(self) -> int | None:
        """The first step, counted from 0, that lacks approvals; None if none does."""
        for index, step in enumerate(self.steps):
            if len(self.approvals(index)) < step.required:
                return index
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Request(Ballot):
    """Somebody asks for a grant."""

    noun: ClassVar[str] = "request"
    own: ClassVar[Code] = Code.OWN_REQUEST
    finished: ClassVar[Code] = Code.REQUEST_NOT_PENDING

    signer: str
    requester: str
    policy_id: str
    policy: str
    terms: Terms
    justification: str
    window_seconds: int | None  # None: no end
    signings: int | None  # None: no limit
    grant_id: str | None = None

    @property
    def asker(self) -> str:
        return self.requester

    @property
    def steps(self) -> tuple[Step, ...]:
        return self.terms.steps


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal(Ballot):
    """Somebody would change what others have to agree to first. `change` says what, for those who
    carry it out (JSON), and `details` for people. `rests_on`: the SHA-256 of the state that it was
    made in, as far as it matters."""

    noun: ClassVar[str] = "proposal"
    own: ClassVar[Code] = Code.OWN_PROPOSAL
    finished: ClassVar[Code] = Code.PROPOSAL_FINISHED

    action: Action
    object: str
    proposer: str
    consent: tuple[Step, ...]  # that it needs
    details: Mapping[str, str | int | bool | None]
    change: str
    rests_on: str

    @property
    def asker(self) -> str:
        return self.proposer

    @property
    def steps(self) -> tuple[Step, ...]:
        return self.consent


@dataclass(frozen=True, slots=True)
class Revocation:
    at: datetime
    by: str
    reason: str


@dataclass(frozen=True, slots=True)
class Approval:
    """One of those that a grant rests on: who gave it, and the row of the log where it stands.
    Listed by name: so they stand in what is hashed."""

    approver: str
    row_hash: str
    sequence: int


@dataclass(frozen=True, slots=True)
class Grant:
    """Permission for `grantee` to sign with `signer`. Never edited, only used up or revoked.

    It starts when it is issued: who sees it need not compare clocks to know that it has begun.
    """

    id: str
    signer: str
    grantee: str
    policy_id: str
    policy: str
    hashes: tuple[HashAlgorithm, ...]  # empty: every one
    justification: str
    request_id: str | None
    issued_by: str | None  # who pre-approved it; None: a request brought it about
    not_before: datetime
    not_after: datetime | None
    max_signings: int | None
    approvals: tuple[Approval, ...] | None = None  # in order; None: not noted when it was issued
    used: int = 0
    revocation: Revocation | None = None
    suspended_at: datetime | None = None  # by a rollback, until it is confirmed

    def state(self, now: datetime) -> GrantState:
        if self.revocation is not None:
            return GrantState.REVOKED
        if self.max_signings is not None and self.used >= self.max_signings:
            return GrantState.EXHAUSTED
        if self.not_after is not None and now >= self.not_after:
            return GrantState.EXPIRED
        if self.suspended_at is not None:
            return GrantState.SUSPENDED
        return GrantState.ACTIVE

    def allows(self, hash_: HashAlgorithm) -> bool:
        return not self.hashes or hash_ in self.hashes


@dataclass(frozen=True, slots=True, kw_only=True)
class Signer(SignerDescription):
    """`deletes_at`: when it is gone for everybody, unless that is taken back before."""

    id: str
    number: int
    disabled: bool
    public_key: bytes  # DER SubjectPublicKeyInfo
    certificate: Certificate | None
    policy: Policy | None
    created_at: datetime
    deletes_at: datetime | None = None

    def is_gone(self, now: datetime) -> bool:
        return self.deletes_at is not None and now >= self.deletes_at

    def status(self, now: datetime) -> SignerStatus:
        if self.deletes_at is not None:
            return SignerStatus.DELETING
        if self.disabled:
            return SignerStatus.DISABLED
        if self.certificate is None:
            return SignerStatus.PENDING
        if now >= self.certificate.usable_until:
            return SignerStatus.EXPIRED
        return SignerStatus.ACTIVE


@dataclass(frozen=True, slots=True)
class Member:
    signer: str
    identity: str  # or a group, with its mark
    role: MemberRole
    added_at: datetime


@dataclass(frozen=True, slots=True)
class Client:
    """What the caller says of itself; only `address` was seen by the server."""

    address: str | None = None
    tool: str | None = None
    command: str | None = None
    hostname: str | None = None
    os_user: str | None = None
    application_sha256: str | None = None
    module_version: str | None = None


@dataclass(frozen=True, slots=True)
class SignCall(ToSign):
    """One call to sign, parsed: ranges checked, key and scheme not yet matched."""

    scheme: Scheme
    signer: str
    client: Client
    certificate_serial: str | None
    idempotency_key: str | None
    receipt: bool = False  # whether one is wanted with the signature


@dataclass(frozen=True, slots=True)
class Signed:
    """`receipt`: a C2SP tlog-proof; None where none was asked for, or can be had now."""

    signature: bytes
    operation_id: str
    certificate_serial: str
    receipt: str | None = None
