"""Telling the holder of each credential what happened to their identity: each on its own, so that
a thief who has one of them hides nothing from the others."""

from controlplane.domain.model import Caller
from controlplane.domain.notice import Notice
from controlplane.store import notices as rows
from controlplane.store.database import Store


class Notices:
    def __init__(self, store: Store) -> None:
        self._store = store

    def unseen(self, caller: Caller) -> tuple[Notice, ...]:
        """By the key that calls; oldest first, not all of many."""
        with self._store.read() as database:
            return rows.find_unseen(database, caller.identity, caller.key)

    def mark_seen(self, caller: Caller, last: str) -> None:
        """`last`: the id of one that is unseen; those before it are seen too. Nothing that is still
        to come can be."""
        for each in self.unseen(caller):
            if each.id == last:
                with self._store.write() as database:
                    rows.mark_seen(database, caller.api_key_id, each.sequence)
