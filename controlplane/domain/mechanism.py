"""What each kind of key can sign, and as which hash a policy judges it."""

from controlplane.domain.model import HashAlgorithm, KeyAlgorithm, SignCall
from controlplane.errors import Code, Refused, invalid


def find_mismatch(key: KeyAlgorithm, call: SignCall) -> Refused | None:
    """Why this key cannot make the signature asked for; None if it can."""
    if call.scheme.rules not in key.kind.schemes:
        return Refused(
            Code.SCHEME_KEY_MISMATCH,
            f"The signer's key is {key.value}; it cannot sign with {call.scheme.value}.",
            field="scheme",
        )
    return call.scheme.rules.find_fault(call) or key.kind.find_mismatch(call)


def judged_hash(call: SignCall) -> HashAlgorithm:
    """That a policy must allow."""
    return call.scheme.rules.message_hash or call.hash


def judged_hash_of(key: KeyAlgorithm, hash_: HashAlgorithm | None) -> HashAlgorithm | None:
    """That a policy must allow for a call with this key and hash; None: any. Refused 400 naming
    `hash`: there is no such call."""
    counted = key.kind.message_hash
    if counted is None:
        return hash_
    if hash_ not in (None, HashAlgorithm.NONE, counted):
        raise invalid(
            "hash", f"hash: {key} takes none, which counts as {counted} for a policy, not {hash_}."
        )
    return counted
