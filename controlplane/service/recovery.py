"""What whoever rules over the server's machine does past everybody: it is told to all who look."""

from controlplane.domain.instant import now
from controlplane.domain.model import Policy
from controlplane.errors import not_found
from controlplane.service.attachments import change_policy, no_policy
from controlplane.service.installation import proven_store
from controlplane.service.location import Location
from controlplane.store import signers


def detach_policy(location: Location, signer: str) -> Policy:
    """Also one that is protected, for when nobody is left who could agree; the row has no actor.
    What it was. Refused not_initialised, migration_needed, signer_not_found, no_policy."""
    store = proven_store(location)
    at = now()
    with store.closing(), store.change() as database:
        stored = signers.find(database, signer, at)
        if stored is None:
            raise not_found("signer", signer)
        policy = stored.signer.policy
        if policy is None:
            raise no_policy(stored.signer)
        change_policy(database, None, stored.signer, None, at)
    return policy
