"""Who witnesses the log."""

from datetime import datetime
from typing import Annotated

from controlplane.api.endpoint import endpoint
from controlplane.api.pages import Items, PageQuery, items
from controlplane.api.structs import Body, Shown
from controlplane.api.text import Text
from controlplane.api.values import length
from controlplane.domain.model import Caller
from controlplane.domain.page import PageRequest
from controlplane.domain.ranges import Range
from controlplane.errors import Code
from controlplane.service.witnesses import Witnesses as Service
from controlplane.service.witnesses import WitnessView


class AddWitness(Body, frozen=True):
    url: Annotated[Text, length(Range(1, 255), "its submission prefix")]
    key: Annotated[Text, length(Range(1, 512), "its verifier key, NAME+HEX+BASE64")]


class Witness(Shown, frozen=True):
    """`name`: of its key. `size`: entries of the last checkpoint that it signed; `signed_at`: by
    its clock; `failure`: of the last try, None where that succeeded."""

    id: str
    name: str
    url: str
    key: str
    created_at: datetime
    size: int | None
    signed_at: datetime | None
    succeeded_at: datetime | None
    failed_at: datetime | None
    failure: str | None


class Resource:
    """Base: the use cases of witnesses."""

    def __init__(self, witnesses: Service) -> None:
        self._witnesses = witnesses


class WitnessesResource(Resource):
    @endpoint("List the witnesses of the log", refusals=(Code.READER_REQUIRED,))
    def on_get(self, caller: Caller, query: PageQuery) -> Items[Witness]:
        return items(self._witnesses.list(caller, PageRequest(query.limit, query.cursor)), _shown)

    @endpoint(
        "Have the log witnessed",
        status=201,
        refusals=(Code.ADMIN_REQUIRED, Code.WITNESS_EXISTS),
        proposes=True,
    )
    def on_post(self, caller: Caller, body: AddWitness) -> Witness:
        return _shown(self._witnesses.add(caller, body.url, body.key))


class WitnessResource(Resource):
    @endpoint(
        "Have the log witnessed by this one no more",
        status=204,
        refusals=(Code.ADMIN_REQUIRED, Code.WITNESS_NOT_FOUND),
        proposes=True,
    )
    def on_delete(self, caller: Caller, witness_id: str) -> None:
        self._witnesses.remove(caller, witness_id)


def _shown(view: WitnessView) -> Witness:
    witness, standing = view.witness, view.standing
    signed = standing.cosignature
    return Witness(
        witness.id,
        witness.key.name,
        witness.url,
        witness.key.text,
        witness.created_at,
        None if signed is None else signed.size,
        None if signed is None else signed.at,
        standing.succeeded_at,
        standing.failed_at,
        standing.failure,
    )
