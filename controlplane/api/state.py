"""Whether the state is as the server left it."""

from controlplane.api.endpoint import endpoint
from controlplane.api.structs import Shown, made
from controlplane.domain.model import Caller
from controlplane.errors import Code
from controlplane.service.state_check import StateCheck


class State(Shown, frozen=True):
    """`objects`: how many the log says that there are; `altered`: names of those that are not as it
    says, in order; `sequence`: the last row that was looked at."""

    objects: int
    altered: list[str]
    sequence: int


class StateResource:
    shows_evidence = True

    def __init__(self, state: StateCheck) -> None:
        self._state = state

    @endpoint("Check everything that decisions rest on", refusals=(Code.READER_REQUIRED,))
    def on_get(self, caller: Caller) -> State:
        return made(State, self._state.verify(caller))
