"""Whether the state is as the server left it: everything that a decision rests on, looked at."""

from dataclasses import dataclass

from controlplane.domain import permissions
from controlplane.domain.model import Caller
from controlplane.errors import Altered
from controlplane.store import grants
from controlplane.store.database import Store
from controlplane.store.objects import scan
from controlplane.store.state import State, read_root
from controlplane.store.tiles import find_strange


@dataclass(frozen=True, slots=True)
class StateVerdict:
    """`objects`: how many there should be. `altered`: names of those that are not as the log says,
    in order: changed, slipped in, or missing. `sequence`: the row up to which the log was
    followed."""

    objects: int
    altered: tuple[str, ...]
    sequence: int


class StateCheck:
    def __init__(self, store: Store) -> None:
        self._store = store

    def verify(self, caller: Caller) -> StateVerdict:
        """Refused 403 unless server admin or auditor."""
        permissions.require_reader(caller.identity, "verify the state")
        if self._store.state is None:
            raise AssertionError("without the master key nothing proves the state")
        return verify_state(self._store, self._store.state)


def verify_state(store: Store, state: State) -> StateVerdict:
    """By the change rows of the whole log, and the root that its head carries; nothing that a
    process remembers counts, of `state` but its key. Where the log does not fit the root, its head
    is named too."""
    with store.evidence() as database:
        root = read_root(database)
        expected, strange = state.anew(), set[str]()
        try:
            expected.follow_log(database, root)
        except Altered as error:  # then it says what it says, and nothing proves it
            strange.add(error.what)
        strange.update(expected.strange(scan(database)))
        strange.update(find_strange(database, root.size))
        strange.update(f"grants/{grant_id}" for grant_id in grants.find_misquoting(database))
    return StateVerdict(len(expected.objects()), tuple(sorted(strange)), root.sequence)
