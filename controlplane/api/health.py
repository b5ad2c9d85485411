"""Is the server alive, and can it serve?"""

from controlplane.api.endpoint import endpoint
from controlplane.api.structs import Shown
from controlplane.errors import Code
from controlplane.service.installation import Services


class Health(Shown, frozen=True):
    status: str


class LiveResource:
    public = True

    @endpoint("The process answers")
    async def on_get(self) -> Health:
        return Health(status="live")


class ReadyResource:
    public = True

    def __init__(self, services: Services) -> None:
        self._services = services

    @endpoint(
        "The store can be reached and is up to date",
        refusals=(
            Code.MIGRATION_NEEDED,
            Code.NOT_INITIALISED,
            Code.STORE_TOO_NEW,
        ),
    )
    def on_get(self) -> Health:
        self._services.check_ready()
        return Health(status="ready")
