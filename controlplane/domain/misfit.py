"""A policy on a signer whose key can have none of the hashes that it allows."""

from dataclasses import dataclass

from controlplane.domain.model import Signer


@dataclass(frozen=True, slots=True)
class Misfit:
    """A sentence each: what is wrong, and what can be done."""

    fault: str
    remedy: str


def find_misfit(signer: Signer) -> Misfit | None:
    """None: the signer has no policy, or one that allows some signature."""
    policy, counted = signer.policy, signer.key.kind.message_hash
    if policy is None or counted is None:
        return None
    allowed = policy.terms.hashes
    if not allowed or counted in allowed:
        return None
    wider = ",".join([*allowed, counted])
    return Misfit(
        f"No new grant will allow a signature: {signer.key} counts as {counted}, and the policy "
        f"{policy.name!r} allows {', '.join(allowed)} only.",
        f"Give the signer another policy (sealwright signer set-policy {signer.name} POLICY), have "
        f"this one allow {counted} (sealwright policy edit {policy.name} --hash {wider}), or sign "
        "with a signer of another kind of key.",
    )
