"""One call to sign: decide, sign, record, and only then release."""

from controlplane.domain.model import Caller, SignCall, Signed
from controlplane.errors import Refused


class Signing:
    def sign(self, caller: Caller, call: SignCall) -> Signed:
        """The signature, after its row is durable.

        Refused: 403 not_a_member, role_cannot_sign, signer_disabled, signer_pending,
        certificate_expired; 404 signer_not_found (row: not_a_member); 400 scheme_key_mismatch or
        invalid_request; 409 certificate_changed, idempotency_conflict; 500 signing_failed; 503
        overloaded with retry_after. Each but the last leaves a row.
        """
        raise NotImplementedError

    def record_refused(self, refused: Refused, call: SignCall) -> None:
        """A call to sign by a revoked key or a disabled identity becomes a denied row; any other
        refusal of `Identities.authenticate` leaves none."""
        raise NotImplementedError
