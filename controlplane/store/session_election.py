"""Election by a session advisory lock of PostgreSQL: of the processes of any number of nodes."""

from contextlib import suppress
from typing import Any

import psycopg

from controlplane.store.election import Election

_LOCK = 7_253_189_404_112_666  # next to that of writers
_TRY = f"SELECT pg_try_advisory_lock({_LOCK})"
_STILL = "SELECT 1"
# So that the server soon hears of a machine that is gone without a word.
_SETTINGS = "-c tcp_keepalives_idle=10 -c tcp_keepalives_interval=3 -c tcp_keepalives_count=3"


class SessionElection(Election):
    """A connection of its own, which has the lock as long as it stands."""

    def __init__(self, parameters: dict[str, Any]) -> None:
        """As libpq has them."""
        options = f"{parameters.get('options', '')} {_SETTINGS}".strip()
        self._parameters = parameters | {"autocommit": True, "options": options}
        self._session: psycopg.Connection[Any] | None = None

    def wins(self) -> bool:
        try:
            if self._session is None:
                self._session = psycopg.connect(**self._parameters)
            found = self._session.execute(_TRY, prepare=False).fetchone()
        except psycopg.Error:
            self.close()
            return False
        return found is not None and found[0] is True

    def holds(self) -> bool:
        if self._session is not None:
            with suppress(psycopg.Error):
                self._session.execute(_STILL, prepare=False)
                return True
        self.close()
        return False

    def close(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            with suppress(psycopg.Error):
                session.close()
