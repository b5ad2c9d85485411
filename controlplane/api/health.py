"""Is the server alive, and can it serve?"""

from controlplane.api import answers
from controlplane.api.endpoint import endpoint
from controlplane.errors import Code
from controlplane.service.installation import Services


class Live:
    public = True

    @endpoint("The process answers")
    async def on_get(self) -> answers.Health:
        return answers.Health(status="live")


class Ready:
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
    def on_get(self) -> answers.Health:
        self._services.check_ready()
        return answers.Health(status="ready")
