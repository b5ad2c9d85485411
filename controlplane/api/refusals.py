"""What each refusal is in HTTP: its status, and what it means to who reads the document.

An endpoint names the codes that it gives beside those that every endpoint can give; the document
lists them by status.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from controlplane.errors import Code


@dataclass(frozen=True, slots=True)
class Refusal:
    status: int
    meaning: str  # a sentence


STATUSES: Mapping[int, str] = {
    400: "A part of the request, named in `field`, is not as it must be.",
    401: "No API key, an unknown, revoked, suspended or expired one, or of a disabled identity.",
    403: "The caller may not do this; `code` says why.",
    404: "Not there, or not for this caller to see.",
    408: "The body did not arrive in time.",
    409: "Contradicts what is there; `code` says how.",
    411: "The body has no Content-Length.",
    413: "The body is too large.",
    415: "The body is of another media type than this address takes.",
    429: "Too often: try again after `Retry-After` seconds.",
    500: "The server failed.",
    503: "Not now: try again after `Retry-After` seconds.",
}
"""What the document says of a status, whatever the code."""

_MEANINGS: Mapping[int, Mapping[Code, str]] = {
    400: {
        Code.INVALID_REQUEST: "`field` is of the wrong type, out of range, or unknown.",
        Code.POLICY_UNBOUNDED: "A policy limits the window, the number of signings, or both.",
        Code.SCHEME_KEY_MISMATCH: "The signer's key cannot sign with this scheme.",
        Code.SIGNINGS_ABOVE_CEILING: "More signings than the policy allows.",
        Code.WINDOW_ABOVE_CEILING: "A longer window than the policy allows.",
        Code.TLS_EXPECTED: "This port speaks TLS.",
        Code.TLS_NOT_SPOKEN: "This port speaks plain HTTP.",
    },
    401: {
        Code.API_KEY_EXPIRED: "The API key has ended.",
        Code.API_KEY_MISSING: "No API key was sent.",
        Code.API_KEY_REVOKED: "The API key is revoked.",
        Code.API_KEY_SUSPENDED: "A rollback suspended the API key, until an admin confirms it.",
        Code.API_KEY_UNKNOWN: "Nobody has this API key.",
        Code.IDENTITY_DISABLED: "The identity that the API key belongs to is disabled.",
    },
    403: {
        Code.ADDRESS_NOT_ALLOWED: "The caller's address is none that this is allowed from.",
        Code.ADMIN_REQUIRED: "Only a server admin may.",
        Code.ADMINISTRATOR_REQUIRED: "Only an administrator of the signer may.",
        Code.ALGORITHM_NOT_ALLOWED: "The grant or the policy allows other hashes only.",
        Code.AUDITOR_CANNOT_APPROVE: "An auditor decides on no request.",
        Code.CERTIFICATE_EXPIRED: "The signer's certificate, or one that it rests on, has expired.",
        Code.CERTIFICATE_NOT_YET_VALID: "The signer's certificate begins later.",
        Code.CREDENTIAL_NOT_ENROLLED: "Others may know the API key; an enrolled one is needed.",
        Code.CREDENTIAL_TOO_YOUNG: "Somebody else made the API key: it approves nothing yet.",
        Code.NO_ACTIVE_GRANT: "The policy asks for a grant; `request` is one that is pending.",
        Code.NOT_A_MEMBER: "The caller is no member of the signer.",
        Code.NOT_AN_APPROVER: "The open step does not name the caller.",
        Code.NOT_PROPOSED_OWNER: "Only the user whom it was offered to accepts a machine.",
        Code.OWN_GRANT: "Nobody pre-approves a grant for themselves or a machine of theirs.",
        Code.OWN_PROPOSAL: "Nobody approves a proposal of their own or of a machine of theirs.",
        Code.OWN_REQUEST: "Nobody approves a request of their own or of a machine of theirs.",
        Code.OWNER_DISABLED: "The owner of the machine is disabled: it approves nothing.",
        Code.READER_REQUIRED: "Only a server admin or auditor may.",
        Code.REQUESTER_REQUIRED: "Only who asked, or who manages the signer, may.",
        Code.ROLE_CANNOT_SIGN: "An auditor of the signer reads, and cannot sign.",
        Code.SIGNER_DISABLED: "The signer is disabled.",
        Code.SIGNER_PENDING: "The signer has no certificate yet.",
    },
    404: {
        Code.API_KEY_NOT_FOUND: "The identity has no API key of this id.",
        Code.ENROLMENT_UNKNOWN: "No enrolment waits for this code.",
        Code.GRANT_NOT_FOUND: "There is no such grant.",
        Code.GROUP_NOT_FOUND: "There is no such group.",
        Code.IDENTITY_NOT_FOUND: "There is no such identity.",
        Code.MEMBER_NOT_FOUND: "The signer has no such member.",
        Code.OPERATION_NOT_FOUND: "There is no such operation.",
        Code.POLICY_NOT_FOUND: "There is no such policy.",
        Code.PROPOSAL_NOT_FOUND: "There is no such proposal.",
        Code.REQUEST_NOT_FOUND: "There is no such request.",
        Code.SETTING_NOT_FOUND: "There is no such setting.",
        Code.SIGNER_NOT_FOUND: "There is no such signer.",
        Code.TILE_NOT_FOUND: "There is no such tile up to the published checkpoint.",
        Code.SUSPENSION_NOT_FOUND: "Nothing of this kind and id is suspended.",
        Code.WITNESS_NOT_FOUND: "There is no such witness.",
        Code.NOT_FOUND: "There is nothing at this address.",
    },
    405: {Code.METHOD_NOT_ALLOWED: "This address does not take that method."},
    406: {Code.NOT_ACCEPTABLE: "There is no such representation."},
    408: {Code.REQUEST_TIMEOUT: "The request did not arrive in time."},
    409: {
        Code.ALREADY_DECIDED: "The same person has decided already.",
        Code.CERTIFICATE_CHANGED: "The signer has another certificate than the caller expects.",
        Code.CLOCK_NOT_BEHIND: "The server's clock does not stand behind the last row.",
        Code.COMMON_NAME_USED: "Another signer's common name reads the same.",
        Code.GRANT_NOT_ACTIVE: "The grant has ended.",
        Code.GRANTEE_CANNOT_SIGN: "Who would get the grant could not use it.",
        Code.GROUP_EXISTS: "There is a group of this name.",
        Code.GROUP_IN_USE: "A policy or a signer names the group.",
        Code.ISSUER_ENDS: "A certificate of the built-in CA ends too soon for another one.",
        Code.IDEMPOTENCY_CONFLICT: "The Idempotency-Key was used for another call.",
        Code.IDENTITY_EXISTS: "There is an identity of this name.",
        Code.LAST_ADMIN: "No admin would be left.",
        Code.MACHINES_UNDECIDED: "The user owns machines: say what becomes of them.",
        Code.NO_POLICY: "The signer has no policy: its members sign without a grant.",
        Code.LOG_HAS_BEGUN: "The log has signed checkpoints under its origin.",
        Code.POLICY_CANNOT_BE_MET: "Too few people could complete a step.",
        Code.POLICY_DETACHED: "The signer no longer has the policy that was asked under.",
        Code.POLICY_EXISTS: "There is a policy of this name.",
        Code.POLICY_IN_USE: "A signer has the policy.",
        Code.POLICY_REQUIRED: "The setting `require-policy` asks for a policy, or a protected one.",
        Code.PROPOSAL_FINISHED: "The proposal is finished.",
        Code.PROPOSAL_OVERTAKEN: "Something that the proposal rests on has changed.",
        Code.REQUEST_NOT_PENDING: "The request is finished.",
        Code.REQUESTER_CANNOT_SIGN: "Who asked could not use a grant.",
        Code.ROLES_EXCLUDE: "An auditor, of the server or of a signer, is nothing else there.",
        Code.SIGNER_DELETING: "The signer is being deleted; that can be taken back.",
        Code.SIGNER_EXISTS: "There is a signer of this name.",
        Code.SIGNER_NAME_USED: "A signer of this name was deleted.",
        Code.SIGNER_NOT_DISABLED: "Only a disabled signer is deleted.",
        Code.SIGNER_NOT_EXTERNAL: "The built-in CA issues the signer's certificates.",
        Code.STEP_CHANGED: "Another step is open than the caller saw.",
        Code.TOO_MANY_PENDING: "The caller has too many requests pending for the signer.",
        Code.NOT_WITNESSED_YET: "No witness has signed a checkpoint with the row yet.",
        Code.WITNESS_EXISTS: "There is a witness with this key.",
    },
    411: {Code.LENGTH_REQUIRED: "A body needs a Content-Length."},
    413: {Code.PAYLOAD_TOO_LARGE: "The body is larger than this address takes."},
    414: {Code.URI_TOO_LONG: "The request line is too long."},
    415: {
        Code.UNSUPPORTED_MEDIA_TYPE: "The body is of another media type than this address takes."
    },
    429: {Code.TOO_MANY_CALLS: "Too many calls of the caller were refused, or left rows."},
    431: {Code.HEADERS_TOO_LARGE: "The headers are too large."},
    500: {
        Code.INTERNAL_ERROR: "The server's log has more under `request_id`.",
        Code.ROW_UNWRITABLE: "The call cannot be recorded, so no signature is released.",
        Code.SIGNING_FAILED: "The signer's key could not be used.",
        Code.STATE_ALTERED: "What this rests on was changed in the store, and not by the server.",
    },
    503: {
        Code.CLOCK_BEHIND: "The server's clock stands behind what is on record.",
        Code.MIGRATION_NEEDED: "The store is of an earlier version.",
        Code.NOT_INITIALISED: "The store is empty.",
        Code.OVERLOADED: "Too many calls wait.",
        Code.STORE_ROLLED_BACK: "The store has lost rows that the server has seen.",
        Code.STORE_TOO_NEW: "A later version of the server has brought the store up to date.",
        Code.STORE_UNAVAILABLE: "The store cannot be used.",
    },
}

REFUSALS: Mapping[Code, Refusal] = {
    code: Refusal(status, meaning)
    for status, meanings in _MEANINGS.items()
    for code, meaning in meanings.items()
}
"""Of every code that a caller can get: a refusal with another one is a fault."""

EVERYWHERE = (
    Code.INVALID_REQUEST,
    Code.INTERNAL_ERROR,
    Code.OVERLOADED,
    Code.STATE_ALTERED,
    Code.STORE_ROLLED_BACK,
    Code.STORE_TOO_NEW,
    Code.STORE_UNAVAILABLE,
)
OF_A_CALLER = (
    Code.ADDRESS_NOT_ALLOWED,
    Code.API_KEY_EXPIRED,
    Code.API_KEY_MISSING,
    Code.API_KEY_REVOKED,
    Code.API_KEY_SUSPENDED,
    Code.API_KEY_UNKNOWN,
    Code.IDENTITY_DISABLED,
    Code.TOO_MANY_CALLS,
)
"""Where an API key is asked for."""
OF_A_BODY = (
    Code.LENGTH_REQUIRED,
    Code.PAYLOAD_TOO_LARGE,
    Code.REQUEST_TIMEOUT,
    Code.UNSUPPORTED_MEDIA_TYPE,
)
"""Where one is read."""


def status_of(code: Code) -> int:
    """KeyError for a code that no caller gets."""
    return REFUSALS[code].status


def by_status(codes: Iterable[Code], otherwise: Mapping[Code, int]) -> dict[int, list[Code]]:
    """In ascending order, statuses and codes; `otherwise`: where a code has another status."""
    found: dict[int, list[Code]] = {}
    for code in sorted(set(codes)):
        found.setdefault(otherwise.get(code) or status_of(code), []).append(code)
    return dict(sorted(found.items()))
