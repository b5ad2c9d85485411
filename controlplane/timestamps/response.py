"""What a time-stamping authority answers (RFC 3161 §2.4.2), in DER."""

from controlplane.timestamps import der
from controlplane.timestamps.request import Failure

_GRANTED = 0
_REJECTION = 2


def grant(token: bytes) -> bytes:
    """`token`: DER of its ContentInfo."""
    return der.sequence(der.sequence(der.integer(_GRANTED)), token)


def reject(failure: Failure, why: str) -> bytes:
    """`why`: a sentence for a person."""
    status = der.sequence(
        der.integer(_REJECTION), der.sequence(der.text(why)), der.named_bit(failure.value)
    )
    return der.sequence(status)
