"""A policy on a signer whose key can have none of the hashes that it allows."""

from dataclasses import dataclass

from controlplane.domain.model import HashAlgorithm, KeyAlgorithm, Signer


@dataclass(frozen=True, slots=True)
class Misfit:
    """Every signature by `key` counts as one of `counted`, which is not among the `allowed`.
    `signer` and `policy` are names."""

    signer: str
    key: KeyAlgorithm
    counted: HashAlgorithm
    policy: str
    allowed: tuple[HashAlgorithm, ...]


def find_misfit(signer: Signer) -> Misfit | None:
    """None: the signer has no policy, or one that allows some signature."""
    policy, counted = signer.policy, signer.key.kind.message_hash
    if policy is None or counted is None:
        return None
    allowed = policy.terms.hashes
    if not allowed or counted in allowed:
        return None
    return Misfit(signer.name, signer.key, counted, policy.name, allowed)
