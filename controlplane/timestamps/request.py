"""What a time-stamp request asks (RFC 3161 §2.4.1)."""

from dataclasses import dataclass
from enum import Enum

from asn1crypto import core, tsp

from controlplane.algorithms.hashes import HashAlgorithm

_VERSION = 1
_HASHES = {each.value: each for each in HashAlgorithm if each.octets is not None}


class Failure(Enum):
    """PKIFailureInfo (RFC 3161 §2.4.2): the number of its bit."""

    BAD_ALGORITHM = 0
    BAD_REQUEST = 2
    BAD_DATA_FORMAT = 5
    TIME_NOT_AVAILABLE = 14
    UNACCEPTED_POLICY = 15
    UNACCEPTED_EXTENSION = 16
    SYSTEM_FAILURE = 25


class RejectedError(Exception):
    """No token; `why` is a sentence for a person."""

    def __init__(self, failure: Failure, why: str) -> None:
        super().__init__(why)
        self.failure = failure
        self.why = why


@dataclass(frozen=True, slots=True)
class Request:
    """`digest`: of whatever is to have been there. `imprint`: DER of the two, which a token repeats
    as it came. `wants_chain`: certificates in the token."""

    hash: HashAlgorithm
    digest: bytes
    imprint: bytes
    policy: str | None  # OID
    nonce: int | None
    wants_chain: bool


def parse(content: bytes) -> Request:
    """From DER. Raises RejectedError."""
    try:
        asked = tsp.TimeStampReq.load(content, strict=True)
        version = int(asked["version"])
        imprint = asked["message_imprint"]
        algorithm = imprint["hash_algorithm"]
        name = algorithm["algorithm"].native
        _ = algorithm["parameters"].native  # NULL, or none
        digest = bytes(imprint["hashed_message"].native)
        policy, nonce = asked["req_policy"], asked["nonce"]
        request = Request(
            hash=_HASHES.get(name, HashAlgorithm.NONE),
            digest=digest,
            imprint=imprint.dump(),
            policy=None if isinstance(policy, core.Void) else str(policy.dotted),
            nonce=None if isinstance(nonce, core.Void) else int(nonce),
            wants_chain=bool(asked["cert_req"].native),
        )
        has_extensions = not isinstance(asked["extensions"], core.Void)
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
        raise RejectedError(
            Failure.BAD_DATA_FORMAT, "The request is not a TimeStampReq in DER (RFC 3161 2.4.1)."
        ) from None
    if version != _VERSION:
        raise RejectedError(
            Failure.BAD_REQUEST, "The request is of a version other than 1, the only one there is."
        )
    if request.hash is HashAlgorithm.NONE:
        raise RejectedError(
            Failure.BAD_ALGORITHM,
            f"The hash must be one of {', '.join(_HASHES)}.",
        )
    if len(digest) != request.hash.octets:
        raise RejectedError(
            Failure.BAD_DATA_FORMAT,
            f"A digest of {request.hash} has {request.hash.octets} octets, not {len(digest)}.",
        )
    if has_extensions:
        raise RejectedError(
            Failure.UNACCEPTED_EXTENSION, "No extension of a request is known here."
        )
    return request
