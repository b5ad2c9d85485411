"""The control plane's answers as values.

Times are aware UTC datetimes, hashes and serials lower-case hex, certificates PEM. Fields that a
newer server adds are passed over.
"""

from datetime import date, datetime
from typing import Generic, TypedDict, TypeVar

import msgspec
from msgspec import UNSET, UnsetType

T = TypeVar("T")


class Problem(msgspec.Struct, frozen=True):
    """RFC 9457, with the members that Sealwright adds."""

    code: str
    title: str
    request_id: str | None = None
    detail: str | None = None
    field: str | None = None
    request: str | None = None


class Page(msgspec.Struct, Generic[T], frozen=True):
    """`next` is the cursor of the page after this one, None on the last."""

    items: list[T]
    next: str | None = None


class Health(msgspec.Struct, frozen=True):
    status: str


class ApiKey(msgspec.Struct, frozen=True):
    """`allowed_addresses`: CIDRs; none: from everywhere. `issued_by` None: not known."""

    id: str
    created_at: datetime
    revoked_at: datetime | None = None
    expires_at: datetime | None = None
    allowed_addresses: list[str] = []
    issued_by: str | None = None
    enrolled: bool = False
    suspended_at: datetime | None = None
    last_used_on: date | None = None
    last_used_from: str | None = None


class NewApiKey(msgspec.Struct, frozen=True, omit_defaults=True):
    """`api_key` is shown this once."""

    id: str
    created_at: datetime
    api_key: str | None = None
    expires_at: datetime | None = None
    allowed_addresses: list[str] = []
    issued_by: str | None = None
    enrolled: bool = False


class Enrolled(NewApiKey, frozen=True, omit_defaults=True, kw_only=True):
    """A key that nobody else ever saw, and whose it is. `warnings` are sentences."""

    identity: str
    warnings: list[str] = []


class Enrolment(msgspec.Struct, frozen=True):
    """A code that waits to be used; the limits are those of the key that comes of it."""

    id: str
    created_at: datetime
    enrolment_expires_at: datetime
    issued_by: str
    expires_in_seconds: int | None = None
    allowed_addresses: list[str] = []


class NewEnrolment(Enrolment, frozen=True, kw_only=True):
    """`enrolment_code` is shown this once."""

    enrolment_code: str


class Notice(msgspec.Struct, frozen=True):
    """Something that happened to the caller, or a machine of theirs; `text` is a sentence."""

    id: str
    text: str


class Identity(msgspec.Struct, frozen=True, omit_defaults=True):
    """`keys` is there when one identity was asked for, `key` when the caller asked who it is: the
    one that it calls with; `api_key` and its id, or `enrolment_code` and its end, when it is new.
    `enrolments` wait for their codes. `proposed_owner` is to own the machine, and has not accepted.
    `warnings` are sentences."""

    id: str
    name: str
    kind: str
    role: str | None
    owner: str | None
    disabled: bool
    created_at: datetime
    proposed_owner: str | None = None
    email: str | None = None
    keys: list[ApiKey] | None = None
    enrolments: list[Enrolment] = []
    key: ApiKey | None = None
    warnings: list[str] = []
    notices: list[Notice] = []
    api_key_id: str | None = None
    api_key: str | None = None
    enrolment_code: str | None = None
    enrolment_expires_at: datetime | None = None


class Group(msgspec.Struct, frozen=True):
    """Users who are named together. `policies` and `signers`, which name it, are there when one
    group was asked for."""

    id: str
    name: str
    users: list[str]
    created_at: datetime
    policies: list[str] = []
    signers: list[str] = []


class AcceptedClock(msgspec.Struct, frozen=True):
    accepted_at: datetime
    rows_at: datetime


class Setting(msgspec.Struct, frozen=True):
    """`form`: how a value is written; `meaning`: a sentence."""

    name: str
    value: str
    default: str
    form: str
    meaning: str


class Job(msgspec.Struct, frozen=True):
    """What runs in the background. `every_seconds`: between two runs; `failures`: of the last runs,
    in a row; `failure`: of the last that failed, in words; `node`, `process`: where it runs."""

    name: str
    does: str
    every_seconds: int
    next_at: datetime
    ran_at: datetime | None
    succeeded_at: datetime | None
    failures: int
    failed_at: datetime | None
    failure: str | None
    node: str
    process: int


class Suspension(msgspec.Struct, frozen=True):
    """What a rollback suspended. `kind`: api_key, grant, approval; `identity`: whose it is;
    `signer`: that it is about, None for a key."""

    kind: str
    id: str
    identity: str
    at: datetime
    signer: str | None = None


class Confirmed(msgspec.Struct, frozen=True):
    """`left`: what is still suspended."""

    confirmed: list[Suspension]
    left: list[Suspension]


class Cancelled(msgspec.Struct, frozen=True):
    """`kind`: request, proposal."""

    kind: str
    id: str


class Withdrawn(Cancelled, frozen=True):
    """An approval that no longer counts."""

    step: int
    approver: str


class UnmetPolicy(msgspec.Struct, frozen=True):
    """`what`: sentences."""

    policy: str
    what: list[str]


class DisabledIdentity(Identity, frozen=True, omit_defaults=True):
    """`machines`: as they are now; `grants`: ids of those that nobody can use now."""

    machines: list[Identity] = []
    cancelled: list[Cancelled] = []
    withdrawn: list[Withdrawn] = []
    grants: list[str] = []
    unmet: list[UnmetPolicy] = []


class PolicyChange(msgspec.Struct, frozen=True):
    """Something that was done to a policy, or to a signer with it; `what` are sentences."""

    at: datetime
    by: str | None
    policy: str
    signer: str | None
    change: str
    what: list[str]


class Signer(msgspec.Struct, frozen=True):
    """`deletes_at`: when it is gone; `role` is the caller's as a member; `warnings` are sentences;
    `policy_changes`, newest first, are there when one signer was asked for."""

    id: str
    number: int
    name: str
    status: str
    key: str
    common_name: str
    external: bool
    certificate_serial: str | None
    not_after: datetime | None
    created_at: datetime
    organization: str | None = None
    unit: str | None = None
    locality: str | None = None
    country: str | None = None
    deletes_at: datetime | None = None
    usable_until: datetime | None = None
    policy: str | None = None
    role: str | None = None
    warnings: list[str] = []
    policy_changes: list[PolicyChange] = []


class SignerTerms(TypedDict, total=False):
    """What may be said of a signer that is to be made; None says nothing."""

    days: int | None
    external: bool | None
    policy: str | None
    organization: str | None
    unit: str | None
    locality: str | None
    country: str | None


class SigningRequest(msgspec.Struct, frozen=True):
    """The PKCS#10 request of an external signer."""

    csr: str


class Certificate(msgspec.Struct, frozen=True):
    """`chain` has the leaf's issuer first and the root last."""

    certificate: str
    chain: list[str]
    serial: str


class Chain(msgspec.Struct, frozen=True):
    """The built-in CA: intermediate, then root, in one text."""

    chain: str


class Member(msgspec.Struct, frozen=True):
    """`identity`: or a group, with an @ before its name."""

    signer: str
    identity: str
    role: str
    added_at: datetime


class PolicyStep(msgspec.Struct, frozen=True):
    """So many distinct approvals of these identities; in a policy also of groups, with an @ before
    their names."""

    name: str
    required: int
    approvers: list[str]


class PolicyTerms(msgspec.Struct, frozen=True, kw_only=True):
    """What to make of a policy: UNSET says nothing of a term, None removes it, and an empty list
    removes all steps or lets every hash pass."""

    max_window_seconds: int | UnsetType | None = UNSET
    max_signings: int | UnsetType | None = UNSET
    steps: list[PolicyStep] | UnsetType = UNSET
    request_ttl_seconds: int | UnsetType | None = UNSET
    hashes: list[str] | UnsetType = UNSET
    protected: bool | UnsetType = UNSET


class Policy(msgspec.Struct, frozen=True):
    """No `hashes`: every hash may be signed. `signers` (those that the caller sees) and `changes`
    (newest first) are there when one policy was asked for."""

    id: str
    name: str
    max_window_seconds: int | None
    max_signings: int | None
    steps: list[PolicyStep]
    request_ttl_seconds: int | None
    hashes: list[str]
    created_at: datetime
    protected: bool = False
    signers: list[str] = []
    changes: list[PolicyChange] = []


class Credential(msgspec.Struct, frozen=True):
    """What a call was made with. `enrolled`: nobody but its holder ever saw it."""

    kind: str
    id: str
    issued_by: str | None
    age_seconds: int
    enrolled: bool


class Decision(msgspec.Struct, frozen=True):
    """`credential` None: from before that was noted."""

    approver: str
    verdict: str
    comment: str | None
    at: datetime
    credential: Credential | None = None
    withdrawn_at: datetime | None = None
    suspended_at: datetime | None = None


class RequestStep(PolicyStep, frozen=True):
    decisions: list[Decision] = []


class Request(msgspec.Struct, frozen=True):
    """`step` is the number, from 1, of the open one; `max_…`, `hashes` and `protected` are terms
    that it was made under; `missing` are sentences; `comment` is that of a rejection."""

    id: str
    signer: str
    requester: str
    policy: str
    state: str
    justification: str
    window_seconds: int | None
    signings: int | None
    step: int | None
    steps: list[RequestStep]
    max_window_seconds: int | None
    max_signings: int | None
    hashes: list[str]
    created_at: datetime
    expires_at: datetime | None
    ended_at: datetime | None
    ended_by: str | None
    comment: str | None
    grant_id: str | None
    missing: list[str]
    protected: bool = False


class Proposal(msgspec.Struct, frozen=True):
    """A change that others have to agree to first: `action` is what is done to `object`, `details`
    say how. `step` is the number, from 1, of the open one; `missing` are sentences."""

    id: str
    action: str
    object: str
    proposer: str
    state: str
    step: int | None
    steps: list[RequestStep]
    details: dict[str, str | int | bool | None]
    created_at: datetime
    expires_at: datetime
    missing: list[str]
    signer: str | None = None
    ended_at: datetime | None = None
    ended_by: str | None = None
    comment: str | None = None


class ProposedChange(msgspec.Struct, frozen=True):
    """What a call answers that proposed what it was to do. `api_key` and `enrolment_code` are
    shown this once, and work once the proposal is carried out."""

    proposal: Proposal
    api_key: str | None = None
    enrolment_code: str | None = None


class Grant(msgspec.Struct, frozen=True):
    """`issued_by` is who pre-approved it, where no request led to it."""

    id: str
    signer: str
    grantee: str
    policy: str
    state: str
    used: int
    max_signings: int | None
    hashes: list[str]
    justification: str
    request_id: str | None
    issued_by: str | None
    not_before: datetime
    not_after: datetime | None
    revoked_at: datetime | None
    revoked_by: str | None
    revoke_reason: str | None
    suspended_at: datetime | None = None


class Explanation(msgspec.Struct, frozen=True):
    """Whether a call to sign would be allowed; `missing` are sentences, `grant` is the one that it
    would use, `request` the id of one that is pending."""

    signer: str
    identity: str
    allowed: bool
    code: str | None
    title: str
    missing: list[str]
    policy: str | None = None
    grant: Grant | None = None
    request: str | None = None


class ClientContext(msgspec.Struct, frozen=True):
    """What the caller of a signature said of itself; only `address` was seen by the server."""

    address: str | None = None
    tool: str | None = None
    command: str | None = None
    hostname: str | None = None
    os_user: str | None = None
    application_sha256: str | None = None
    module_version: str | None = None


class Operation(msgspec.Struct, frozen=True):
    """A row of the audit log, as far as people read it."""

    sequence: int
    id: str
    created_at: datetime
    kind: str
    actor: str | None
    signer: str | None
    outcome: str | None
    reason: str | None
    hash: str | None
    row_hash: str
    action: str | None = None
    object: str | None = None
    client: ClientContext | None = None
    grant_id: str | None = None
    scheme: str | None = None
    digest: bytes | None = None
    certificate_serial: str | None = None
    credential: Credential | None = None
    api_key_id: str | None = None
    details: dict[str, str | int | bool | None] | None = None


class ReportedGrant(msgspec.Struct, frozen=True):
    """`action`: `grant:issue`, or `grant:create` where `issued_by` approved it beforehand."""

    id: str
    action: str
    issued_by: str | None
    created_at: datetime
    policy: str | None
    justification: str | None


class ReportedRequest(msgspec.Struct, frozen=True):
    """Who asked for a grant, or proposed a change."""

    id: str
    requester: str | None
    created_at: datetime
    justification: str | None


class ReportedApproval(msgspec.Struct, frozen=True):
    sequence: int
    approver: str | None
    created_at: datetime
    comment: str | None
    credential: Credential | None


class ReportedOperation(Operation, frozen=True, kw_only=True):
    """With what it rests on, as the log says."""

    grant: ReportedGrant | None
    request: ReportedRequest | None
    approved_by: list[ReportedApproval]


class Head(msgspec.Struct, frozen=True):
    """The end of the chain; sequence 0 before the first row."""

    sequence: int
    row_hash: str


class ConsistencyProof(msgspec.Struct, frozen=True):
    hashes: list[bytes]


class Witness(msgspec.Struct, frozen=True):
    """`name`: of its key. `size`: entries of the last checkpoint that it signed; `failure`: of the
    last try."""

    id: str
    name: str
    url: str
    key: str
    created_at: datetime
    size: int | None = None
    signed_at: datetime | None = None
    succeeded_at: datetime | None = None
    failed_at: datetime | None = None
    failure: str | None = None


class LogEnd(Head, frozen=True):
    """`tree_root`: of the Merkle tree over all rows, in hex; None where the store does not say."""

    tree_root: str | None


class Report(msgspec.Struct, frozen=True):
    """A page of one; `head`: the end of the log when it was made."""

    items: list[ReportedOperation]
    head: Head
    next: str | None = None


class LogKey(msgspec.Struct, frozen=True):
    """`key`: `name+hash+base64` (C2SP signed-note)."""

    key: str
    origin: str
    created_at: datetime
    begun_at: datetime | None
    ended_at: datetime | None


class LogKeys(msgspec.Struct, frozen=True):
    """The one that signs, then those that did."""

    items: list[LogKey]


class State(msgspec.Struct, frozen=True):
    """Of what decisions rest on: how many objects there should be, and the names of those
    that are not as the log says up to a row."""

    objects: int
    altered: list[str]
    sequence: int


class CatalogueSigner(msgspec.Struct, frozen=True):
    """What the module sees of a signer."""

    number: int
    name: str
    status: str
    role: str | None
    key: str
    not_after: datetime | None
    usable_until: datetime | None = None


class Catalogue(msgspec.Struct, frozen=True):
    signers: list[CatalogueSigner]
