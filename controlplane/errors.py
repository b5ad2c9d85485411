"""Refusals that a caller may read: a stable code, and a sentence for a person. What they are in
HTTP the API says."""

from enum import StrEnum


class Code(StrEnum):
    """Why something is refused, for programs: none ever gets another meaning."""

    # What a call says.
    INVALID_REQUEST = "invalid_request"
    POLICY_UNBOUNDED = "policy_unbounded"
    SCHEME_KEY_MISMATCH = "scheme_key_mismatch"
    SIGNINGS_ABOVE_CEILING = "signings_above_ceiling"
    WINDOW_ABOVE_CEILING = "window_above_ceiling"

    # Who calls, and from where.
    ADDRESS_NOT_ALLOWED = "address_not_allowed"
    API_KEY_EXPIRED = "api_key_expired"
    API_KEY_MISSING = "api_key_missing"
    API_KEY_REVOKED = "api_key_revoked"
    API_KEY_SUSPENDED = "api_key_suspended"
    API_KEY_UNKNOWN = "api_key_unknown"
    IDENTITY_DISABLED = "identity_disabled"

    # What the caller may not.
    ADMIN_REQUIRED = "admin_required"
    ADMINISTRATOR_REQUIRED = "administrator_required"
    ALGORITHM_NOT_ALLOWED = "algorithm_not_allowed"
    AUDITOR_CANNOT_APPROVE = "auditor_cannot_approve"
    CERTIFICATE_EXPIRED = "certificate_expired"
    CERTIFICATE_NOT_YET_VALID = "certificate_not_yet_valid"
    CREDENTIAL_NOT_ENROLLED = "credential_not_enrolled"
    CREDENTIAL_TOO_YOUNG = "credential_too_young"
    NO_ACTIVE_GRANT = "no_active_grant"
    NOT_A_MEMBER = "not_a_member"
    NOT_AN_APPROVER = "not_an_approver"
    NOT_PROPOSED_OWNER = "not_proposed_owner"
    OWN_GRANT = "own_grant"
    OWN_PROPOSAL = "own_proposal"
    OWN_REQUEST = "own_request"
    OWNER_DISABLED = "owner_disabled"
    READER_REQUIRED = "reader_required"
    REQUESTER_REQUIRED = "requester_required"
    ROLE_CANNOT_SIGN = "role_cannot_sign"
    SIGNER_DISABLED = "signer_disabled"
    SIGNER_PENDING = "signer_pending"

    # What the built-in CA cannot do any more.
    ISSUER_ENDS = "issuer_ends"

    # What is not there, or not for the caller to see.
    API_KEY_NOT_FOUND = "api_key_not_found"
    ENROLMENT_UNKNOWN = "enrolment_unknown"
    GRANT_NOT_FOUND = "grant_not_found"
    GROUP_NOT_FOUND = "group_not_found"
    IDENTITY_NOT_FOUND = "identity_not_found"
    MEMBER_NOT_FOUND = "member_not_found"
    TILE_NOT_FOUND = "tile_not_found"
    LOG_HAS_BEGUN = "log_has_begun"
    OPERATION_NOT_FOUND = "operation_not_found"
    POLICY_NOT_FOUND = "policy_not_found"
    PROPOSAL_NOT_FOUND = "proposal_not_found"
    REQUEST_NOT_FOUND = "request_not_found"
    SETTING_NOT_FOUND = "setting_not_found"
    SIGNER_NOT_FOUND = "signer_not_found"
    SUSPENSION_NOT_FOUND = "suspension_not_found"
    WITNESS_NOT_FOUND = "witness_not_found"

    # What contradicts what is there.
    ALREADY_DECIDED = "already_decided"
    CERTIFICATE_CHANGED = "certificate_changed"
    CLOCK_NOT_BEHIND = "clock_not_behind"
    COMMON_NAME_USED = "common_name_used"
    GRANT_NOT_ACTIVE = "grant_not_active"
    GRANTEE_CANNOT_SIGN = "grantee_cannot_sign"
    GROUP_EXISTS = "group_exists"
    GROUP_IN_USE = "group_in_use"
    IDEMPOTENCY_CONFLICT = "idempotency_conflict"
    IDENTITY_EXISTS = "identity_exists"
    LAST_ADMIN = "last_admin"
    MACHINES_UNDECIDED = "machines_undecided"
    NO_POLICY = "no_policy"
    POLICY_CANNOT_BE_MET = "policy_cannot_be_met"
    POLICY_DETACHED = "policy_detached"
    POLICY_EXISTS = "policy_exists"
    POLICY_IN_USE = "policy_in_use"
    POLICY_REQUIRED = "policy_required"
    PROPOSAL_FINISHED = "proposal_finished"
    PROPOSAL_OVERTAKEN = "proposal_overtaken"
    REQUEST_NOT_PENDING = "request_not_pending"
    REQUESTER_CANNOT_SIGN = "requester_cannot_sign"
    ROLES_EXCLUDE = "roles_exclude"
    SIGNER_DELETING = "signer_deleting"
    SIGNER_EXISTS = "signer_exists"
    SIGNER_NAME_USED = "signer_name_used"
    SIGNER_NOT_DISABLED = "signer_not_disabled"
    SIGNER_NOT_EXTERNAL = "signer_not_external"
    STEP_CHANGED = "step_changed"
    TOO_MANY_PENDING = "too_many_pending"
    NOT_WITNESSED_YET = "not_witnessed_yet"
    WITNESS_EXISTS = "witness_exists"

    # What the server cannot do, or not now.
    CLOCK_BEHIND = "clock_behind"
    INTERNAL_ERROR = "internal_error"
    MIGRATION_NEEDED = "migration_needed"
    NOT_INITIALISED = "not_initialised"
    OVERLOADED = "overloaded"
    ROW_UNWRITABLE = "row_unwritable"
    SIGNING_FAILED = "signing_failed"
    STATE_ALTERED = "state_altered"
    STORE_ROLLED_BACK = "store_rolled_back"
    STORE_TOO_NEW = "store_too_new"
    STORE_UNAVAILABLE = "store_unavailable"
    TOO_MANY_CALLS = "too_many_calls"

    # How it was said: HTTP and TLS.
    HEADERS_TOO_LARGE = "headers_too_large"
    LENGTH_REQUIRED = "length_required"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    NOT_ACCEPTABLE = "not_acceptable"
    NOT_FOUND = "not_found"
    PAYLOAD_TOO_LARGE = "payload_too_large"
    REQUEST_TIMEOUT = "request_timeout"
    TLS_EXPECTED = "tls_expected"
    TLS_NOT_SPOKEN = "tls_not_spoken"
    UNSUPPORTED_MEDIA_TYPE = "unsupported_media_type"
    URI_TOO_LONG = "uri_too_long"

    # Of commands on the server's own machine: no caller gets these.
    ADDRESS_UNUSABLE = "address_unusable"
    ALREADY_INITIALISED = "already_initialised"
    ANCHOR_MISSING = "anchor_missing"
    BACKUP_ALTERED = "backup_altered"
    BACKUP_EXISTS = "backup_exists"
    BACKUP_UNREADABLE = "backup_unreadable"
    BACKUP_UNWRITABLE = "backup_unwritable"
    DATABASE_DRIVER_MISSING = "database_driver_missing"
    DATA_DIR_NOT_EMPTY = "data_dir_not_empty"
    DATA_DIR_UNUSABLE = "data_dir_unusable"
    INVALID_SETTINGS = "invalid_settings"
    JOIN_INCOMPLETE = "join_incomplete"
    LOCATION_UNREADABLE = "location_unreadable"
    MASTER_KEY_EXISTS = "master_key_exists"
    MASTER_KEY_UNREADABLE = "master_key_unreadable"
    MASTER_KEY_WRONG = "master_key_wrong"
    NO_TEMPORARY_FOLDER = "no_temporary_folder"
    NOTHING_TO_ACCEPT = "nothing_to_accept"
    STORE_COPIED = "store_copied"
    STORE_IN_USE = "store_in_use"
    UNSUPPORTED_DATABASE = "unsupported_database"
    UNSUPPORTED_FILE_SYSTEM = "unsupported_file_system"


class Refused(Exception):  # noqa: N818  # a refusal is an answer, not a fault
    """Raised anywhere below the API; the API answers it as a problem document (RFC 9457)."""

    def __init__(
        self,
        code: Code,
        title: str,
        *,
        field: str | None = None,
        request: str | None = None,
        retry_after: int | None = None,
        cause: str | None = None,
    ) -> None:
        super().__init__(title)
        self.code = code
        self.title = title
        self.field = field
        self.request = request  # id of the pending request that could lift the refusal
        self.retry_after = retry_after  # seconds
        # In the words of what broke, which may name paths, hosts and users: for the log and for
        # commands on the server's machine, never in an answer.
        self.cause = cause


class Altered(Refused):
    """500 state_altered; `what`: the name of an object, or words."""

    def __init__(self, what: str) -> None:
        super().__init__(
            Code.STATE_ALTERED,
            "What this rests on was changed in the store, and not by the server, whose log names "
            "it. Whoever runs the server asks: sealwright audit verify --state",
            cause=f"The store was altered: {what}.",
        )
        self.what = what


def invalid(field: str, title: str) -> Refused:
    """A value is of the wrong type or out of range; names the field."""
    return Refused(Code.INVALID_REQUEST, title, field=field)


def not_found(what: str, name: str) -> Refused:
    """Absent, or not for this caller to see: the two are not told apart."""
    return Refused(Code(f"{what}_not_found"), f"There is no {what} {name!r} that you may see.")
