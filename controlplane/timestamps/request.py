"""What a time-stamp request asks (RFC 3161 §2.4.1)."""

from dataclasses import dataclass
from enum import Enum

from controlplane.algorithms.hashes import HashAlgorithm
from controlplane.timestamps import der

LONGEST_NONCE = 160
"""Bits; nobody needs more, and a token repeats it."""

_VERSION = 1
_HASHES = {each.value: each for each in HashAlgorithm if each.octets is not None}
_OIDS = {  # RFC 5754 §2
    HashAlgorithm.SHA256: "2.16.840.1.101.3.4.2.1",
    HashAlgorithm.SHA384: "2.16.840.1.101.3.4.2.2",
    HashAlgorithm.SHA512: "2.16.840.1.101.3.4.2.3",
}


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
    """`digest`: of whatever is to have been there. `has_null`: whether the parameters of the hash
    are NULL, and not absent. `wants_chain`: certificates in the token."""

    hash: HashAlgorithm
    digest: bytes
    has_null: bool
    policy: str | None  # OID
    nonce: int | None
    wants_chain: bool

    @property
    def imprint(self) -> bytes:
        """DER of the hash and the digest, which a token repeats."""
        parameters = der.NULL if self.has_null else b""
        algorithm = der.sequence(der.object_identifier(_OIDS[self.hash]), parameters)
        return der.sequence(algorithm, der.octets(self.digest))

    def encode(self) -> bytes:
        """DER."""
        return der.sequence(
            der.integer(_VERSION),
            self.imprint,
            b"" if self.policy is None else der.object_identifier(self.policy),
            b"" if self.nonce is None else der.integer(self.nonce),
            der.TRUE if self.wants_chain else b"",
        )


def parse(content: bytes) -> Request:
    """From DER, and nothing beside what a request has: asn1crypto reads more than that. Raises
    RejectedError."""
    try:
        request = _read(content)
        is_der = request.encode() == content
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
        is_der = False
    if not is_der:
        raise RejectedError(
            Failure.BAD_DATA_FORMAT, "The request is not a TimeStampReq in DER (RFC 3161 2.4.1)."
        )
    if len(request.digest) != request.hash.octets:
        raise RejectedError(
            Failure.BAD_DATA_FORMAT,
            f"A digest of {request.hash} has {request.hash.octets} octets, "
            f"not {len(request.digest)}.",
        )
    if request.nonce is not None and request.nonce.bit_length() > LONGEST_NONCE:
        raise RejectedError(
            Failure.BAD_DATA_FORMAT, f"A nonce has {LONGEST_NONCE} bits at most here."
        )
    return request


def _read(content: bytes) -> Request:
    """What it asks, if it is one. Raises RejectedError for what is asked of nobody here, and what
    asn1crypto raises."""
    # Not at the top: it takes some megabytes of each process, and few are asked.
    from asn1crypto import core, tsp

    asked = tsp.TimeStampReq.load(content, strict=True)
    if int(asked["version"]) != _VERSION:
        raise RejectedError(
            Failure.BAD_REQUEST, "The request is of a version other than 1, the only one there is."
        )
    imprint = asked["message_imprint"]
    algorithm = imprint["hash_algorithm"]
    hash_ = _HASHES.get(algorithm["algorithm"].native)
    if hash_ is None:
        raise RejectedError(
            Failure.BAD_ALGORITHM,
            f"The hash must be one of {', '.join(_HASHES)}.",
        )
    if not isinstance(asked["extensions"], core.Void):
        raise RejectedError(
            Failure.UNACCEPTED_EXTENSION, "No extension of a request is known here."
        )
    policy, nonce = asked["req_policy"], asked["nonce"]
    return Request(
        hash=hash_,
        digest=bytes(imprint["hashed_message"].native),
        has_null=algorithm["parameters"].native is None
        and not isinstance(algorithm["parameters"], core.Void),
        policy=None if isinstance(policy, core.Void) else str(policy.dotted),
        nonce=None if isinstance(nonce, core.Void) else int(nonce),
        wants_chain=bool(asked["cert_req"].native),
    )
