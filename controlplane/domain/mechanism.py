"""What each kind of key can sign."""

from controlplane.domain.model import KeyAlgorithm, SignCall
from controlplane.errors import Refused


def find_mismatch(key: KeyAlgorithm, call: SignCall) -> Refused | None:
    """Why this key cannot make the signature asked for; None if it can."""
    if call.scheme.rules not in key.kind.schemes:
        return Refused(
            "scheme_key_mismatch",
            f"The signer's key is {key.value}; it cannot sign with {call.scheme.value}.",
            status=400,
            field="scheme",
        )
    return call.scheme.rules.find_fault(call) or key.kind.find_mismatch(call)
