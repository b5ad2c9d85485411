"""The tables as Peewee models that belong to no database: each query is told which.

Times are text of fixed width (`domain.instant`), enumerations their values.
"""

from peewee import (
    BigIntegerField,
    BlobField,
    BooleanField,
    CompositeKey,
    IntegerField,
    Model,
    TextField,
)

from controlplane.domain.signer import SignerDescription
from controlplane.store.mapping import columns_of


class SchemaVersion(Model):
    version = IntegerField(primary_key=True)
    applied_at = TextField()

    class Meta:
        table_name = "schema_version"


class Installation(Model):
    """One row. `epoch` grows with every change to what a signing decision rests on."""

    id = IntegerField(primary_key=True)
    epoch = BigIntegerField()
    master_key_check = BlobField()
    created_at = TextField()
    instance = TextField()
    anchored_at = TextField(null=True)
    former_instances = TextField(null=True)  # with blanks between them, oldest first

    class Meta:
        table_name = "installation"


class AcceptedClockRow(Model):
    """One row, or none."""

    id = IntegerField(primary_key=True)
    accepted_at = TextField()
    rows_at = TextField()

    class Meta:
        table_name = "accepted_clock"


class SettingRow(Model):
    """One that was set; all others have their defaults."""

    name = TextField(primary_key=True)
    value = TextField()
    before = TextField()  # in effect until `set_at`
    set_at = TextField()

    class Meta:
        table_name = "settings"


class IdentityRow(Model):
    id = TextField(primary_key=True)
    name = TextField()
    kind = TextField()
    role = TextField(null=True)
    owner = TextField(null=True)
    disabled = BooleanField()
    created_at = TextField()
    proposed_owner = TextField(null=True)
    email = TextField(null=True)

    class Meta:
        table_name = "identities"


class ApiKeyRow(Model):
    id = TextField(primary_key=True)
    identity_id = TextField()
    hash = BlobField()
    created_at = TextField()
    revoked_at = TextField(null=True)
    expires_at = TextField(null=True)
    allowed_addresses = TextField()  # with blanks between them
    issued_by = TextField(null=True)
    enrolled = BooleanField()
    suspended_at = TextField(null=True)

    class Meta:
        table_name = "api_keys"


class EnrolmentRow(Model):
    id = TextField(primary_key=True)
    identity_id = TextField()
    hash = BlobField()
    created_at = TextField()
    expires_at = TextField()
    issued_by = TextField()
    key_lifetime_seconds = IntegerField(null=True)
    allowed_addresses = TextField()  # with blanks between them
    ended_at = TextField(null=True)
    proposal = TextField(null=True)
    api_key_id = TextField(null=True)

    class Meta:
        table_name = "enrolments"


class ApiKeyUseRow(Model):
    """The last one; `used_on` is a day."""

    api_key_id = TextField(primary_key=True)
    used_on = TextField()
    used_from = TextField(null=True)

    class Meta:
        table_name = "api_key_uses"


class NoticeSeenRow(Model):
    """Up to which row of the log the holder of a key was told what is news to them."""

    api_key_id = TextField(primary_key=True)
    sequence = BigIntegerField()

    class Meta:
        table_name = "notices_seen"


class SignerRow(Model):
    """Stays after deletion, which is there from `deletes_at` on, so that name and number are never
    given again. What it was described as has a column each."""

    id = TextField(primary_key=True)
    number = IntegerField()
    name = TextField()
    disabled = BooleanField()
    created_at = TextField()
    deletes_at = TextField(null=True)
    key_id = TextField()
    next_key_id = TextField(null=True)
    certificate_id = TextField(null=True)
    policy_id = TextField(null=True)
    vars().update(columns_of(SignerDescription, but=["name"]))

    class Meta:
        table_name = "signers"


class KeyRow(Model):
    """A signer's key pair; without `handle` the private half is gone."""

    id = TextField(primary_key=True)
    signer_id = TextField()
    public_key = BlobField()
    handle = BlobField(null=True)
    created_at = TextField()

    class Meta:
        table_name = "signer_keys"


class CertificateRow(Model):
    """`chain`: JSON list of base64 DER, the leaf's issuer first, root last."""

    id = TextField(primary_key=True)
    key_id = TextField()
    serial = TextField()
    subject = TextField()
    issuer = TextField()
    not_before = TextField()
    not_after = TextField()
    der = BlobField()
    chain = TextField()
    created_at = TextField()

    class Meta:
        table_name = "certificates"


class MemberRow(Model):
    signer_id = TextField()
    identity_id = TextField()
    role = TextField()
    added_at = TextField()

    class Meta:
        table_name = "members"
        primary_key = CompositeKey("signer_id", "identity_id")


class GroupRow(Model):
    id = TextField(primary_key=True)
    name = TextField()
    created_at = TextField()

    class Meta:
        table_name = "groups"


class GroupUserRow(Model):
    group_id = TextField()
    identity_id = TextField()
    added_at = TextField()

    class Meta:
        table_name = "group_users"
        primary_key = CompositeKey("group_id", "identity_id")


class GroupMemberRow(Model):
    """A group that is a member of a signer."""

    signer_id = TextField()
    group_id = TextField()
    role = TextField()
    added_at = TextField()

    class Meta:
        table_name = "group_members"
        primary_key = CompositeKey("signer_id", "group_id")


class MembershipRow(Model):
    """A view: each identity with each role that it has on a signer, its own (no `group_id`) and
    those of its groups."""

    signer_id = TextField()
    identity_id = TextField()
    group_id = TextField(null=True)
    role = TextField()

    class Meta:
        table_name = "memberships"
        primary_key = False


class PolicyRow(Model):
    id = TextField(primary_key=True)
    name = TextField()
    terms = TextField()  # JSON of model.Terms
    created_at = TextField()

    class Meta:
        table_name = "policies"


class PolicyApproverRow(Model):
    """The identities that the steps of a policy name, to be found by them."""

    policy_id = TextField()
    identity = TextField()

    class Meta:
        table_name = "policy_approvers"
        primary_key = CompositeKey("policy_id", "identity")


class PolicyGroupRow(Model):
    """The groups that the steps of a policy name."""

    policy_id = TextField()
    group_id = TextField()

    class Meta:
        table_name = "policy_groups"
        primary_key = CompositeKey("policy_id", "group_id")


class PolicyPersonRow(Model):
    """A view: whom the steps of a policy mean, themselves and by their groups; some twice."""

    policy_id = TextField()
    identity = TextField()

    class Meta:
        table_name = "policy_people"
        primary_key = False


class PolicyChangeRow(Model):
    """Outlives the policy and the signer that it names."""

    id = TextField(primary_key=True)
    at = TextField()
    by = TextField(null=True)
    policy_id = TextField()
    policy = TextField()
    signer = TextField(null=True)
    change = TextField()
    what = TextField()  # JSON list of sentences

    class Meta:
        table_name = "policy_changes"


class BallotRow(Model):
    """Base. `ended` is null until somebody ends it."""

    id = TextField(primary_key=True)
    created_at = TextField()
    expires_at = TextField(null=True)
    ended = TextField(null=True)
    ended_at = TextField(null=True)
    ended_by = TextField(null=True)
    comment = TextField(null=True)


class BallotDecisionRow(Model):
    """Base."""

    step = IntegerField()
    approver = TextField()
    verdict = TextField()
    comment = TextField(null=True)
    at = TextField()
    credential = TextField(null=True)  # JSON
    withdrawn_at = TextField(null=True)
    suspended_at = TextField(null=True)


class RequestRow(BallotRow):
    """`terms` are those that it was made under (JSON)."""

    signer = TextField()
    requester = TextField()
    policy_id = TextField()
    policy = TextField()
    terms = TextField()
    justification = TextField()
    window_seconds = IntegerField(null=True)
    signings = IntegerField(null=True)
    grant_id = TextField(null=True)

    class Meta:
        table_name = "requests"


class RequestApproverRow(Model):
    """Whom the terms of a request name, to be found by them."""

    request_id = TextField()
    identity = TextField()

    class Meta:
        table_name = "request_approvers"
        primary_key = CompositeKey("request_id", "identity")


class DecisionRow(BallotDecisionRow):
    request_id = TextField()

    class Meta:
        table_name = "decisions"
        primary_key = CompositeKey("request_id", "step", "approver")


class GrantRow(Model):
    id = TextField(primary_key=True)
    signer = TextField()
    grantee = TextField()
    policy_id = TextField()
    policy = TextField()
    hashes = TextField()  # with commas between them
    justification = TextField()
    request_id = TextField(null=True)
    issued_by = TextField(null=True)
    not_before = TextField()
    not_after = TextField(null=True)
    max_signings = IntegerField(null=True)
    used = IntegerField()
    revoked_at = TextField(null=True)
    revoked_by = TextField(null=True)
    revoke_reason = TextField(null=True)
    approvals = TextField(null=True)  # JSON
    suspended_at = TextField(null=True)

    class Meta:
        table_name = "grants"


class ProposalRow(BallotRow):
    action = TextField()
    object = TextField()
    signer = TextField(null=True)
    proposer = TextField()
    consent = TextField()  # JSON list of steps
    details = TextField()  # JSON
    change = TextField()  # JSON
    rests_on = TextField()

    class Meta:
        table_name = "proposals"


class ProposalApproverRow(Model):
    """Whom the steps of a proposal name, to be found by them."""

    proposal_id = TextField()
    identity = TextField()

    class Meta:
        table_name = "proposal_approvers"
        primary_key = CompositeKey("proposal_id", "identity")


class ProposalDecisionRow(BallotDecisionRow):
    proposal_id = TextField()

    class Meta:
        table_name = "proposal_decisions"
        primary_key = CompositeKey("proposal_id", "step", "approver")


class AuthorityRow(Model):
    """The built-in CA; `position` 0 is the root."""

    id = TextField(primary_key=True)
    position = IntegerField()
    certificate = BlobField()
    public_key = BlobField()
    handle = BlobField()

    class Meta:
        table_name = "authorities"


class JobRow(Model):
    name = TextField(primary_key=True)
    does = TextField()
    every_seconds = IntegerField()
    next_at = TextField()
    node = TextField()
    process = IntegerField()
    ran_at = TextField(null=True)
    succeeded_at = TextField(null=True)
    failures = IntegerField()
    failed_at = TextField(null=True)
    failure = TextField(null=True)

    class Meta:
        table_name = "jobs"


class TimestampingRow(Model):
    """A key pair of timestamping with its certificate; without `handle` the private half is
    gone."""

    id = TextField(primary_key=True)
    role = TextField()
    certificate = BlobField()
    public_key = BlobField()
    handle = BlobField(null=True)
    created_at = TextField()

    class Meta:
        table_name = "timestamping"


class LogKeyRow(Model):
    """That the checkpoints of one instance of the store are signed with; without `handle` the
    private half is gone. `origin` is null until the first checkpoint fixes it."""

    id = TextField(primary_key=True)
    instance = TextField()
    origin = TextField(null=True)
    public_key = BlobField()
    handle = BlobField(null=True)
    created_at = TextField()
    begun_at = TextField(null=True)
    ended_at = TextField(null=True)

    class Meta:
        table_name = "log_keys"


class CheckpointRow(Model):
    """The last one that was published, or none; it proves itself."""

    id = IntegerField(primary_key=True)
    note = TextField()
    published_at = TextField()

    class Meta:
        table_name = "checkpoints"


class OperationRow(Model):
    sequence = BigIntegerField(primary_key=True)
    id = TextField()
    created_at = TextField()
    kind = TextField()
    signer = TextField(null=True)
    actor = TextField(null=True)
    api_key_id = TextField(null=True)
    outcome = TextField(null=True)
    reason = TextField(null=True)
    scheme = TextField(null=True)
    hash = TextField(null=True)
    digest = BlobField(null=True)
    pss_mgf_hash = TextField(null=True)
    pss_salt_length = IntegerField(null=True)
    ecdsa_encoding = TextField(null=True)
    grant_id = TextField(null=True)
    certificate_serial = TextField(null=True)
    client = TextField(null=True)  # JSON
    signature = BlobField(null=True)
    action = TextField(null=True)
    object = TextField(null=True)
    details = TextField(null=True)  # JSON
    idempotency_key = TextField(null=True)
    previous_hash = TextField()
    row_hash = TextField()
    version = IntegerField()
    credential = TextField(null=True)  # JSON
    approvals = TextField(null=True)  # JSON
    proposal = TextField(null=True)
    commitments = BlobField(null=True)
    objects = TextField(null=True)  # JSON

    class Meta:
        table_name = "operations"


class WitnessRow(Model):
    """`key`: as the witness prints it."""

    id = TextField(primary_key=True)
    url = TextField()
    key = TextField()
    created_at = TextField()

    class Meta:
        table_name = "witnesses"


class WitnessStandingRow(Model):
    """`note`, `line`, `signed_at`: of the last cosignature."""

    witness_id = TextField(primary_key=True)
    note = TextField(null=True)
    line = TextField(null=True)
    signed_at = TextField(null=True)
    succeeded_at = TextField(null=True)
    failed_at = TextField(null=True)
    failure = TextField(null=True)

    class Meta:
        table_name = "witness_standings"
