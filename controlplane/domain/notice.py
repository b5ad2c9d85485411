"""What somebody is told of: that others made, changed or revoked what calls as them."""

from dataclasses import dataclass
from datetime import datetime

from controlplane.domain.action import Action

MOST_AT_ONCE = 50
SUBJECTS = ("identity", "api_key", "enrolment")
ACTIONS = tuple(action for action in Action if action.value.partition(":")[0] in SUBJECTS)


@dataclass(frozen=True, slots=True)
class Notice:
    """A row of the log, its id and place. `by` None: on the server's own machine. `about`: the name
    of the identity; `api_key_id`: of the key that was made or revoked, if one was."""

    id: str
    sequence: int
    at: datetime
    by: str | None
    action: Action
    about: str
    api_key_id: str | None
