"""Who may read the log as a tree: who reads everything, and strangers where the log is public."""

from controlplane.domain import permissions
from controlplane.domain.instant import Clock
from controlplane.domain.model import Caller
from controlplane.domain.settings import LOG_PUBLIC
from controlplane.errors import Code, Refused
from controlplane.service.rates import Rates
from controlplane.store.database import Store
from controlplane.store.settings import read_setting


class LogReaders:
    def __init__(self, store: Store, rates: Rates, clock: Clock) -> None:
        self._store = store
        self._rates = rates
        self._clock = clock

    def admit(self, caller: Caller | None, address: str | None) -> bool:
        """Whether everybody may read it. `caller`: None for a stranger, `address`: where one calls
        from. Refused 401 api_key_missing, 403 reader_required; 429 too_many_calls for strangers."""
        with self._store.read() as database:
            is_public = read_setting(database, LOG_PUBLIC)
        if caller is None:
            if not is_public:
                raise Refused(Code.API_KEY_MISSING, "Send an API key: Authorization: Bearer swk_….")
            self._count(address)
        elif not is_public:
            permissions.require_reader(caller.identity, "read the log")
        return is_public

    def _count(self, address: str | None) -> None:
        try:
            self._rates.count(f"log from {address}", self._clock())
        except Refused as refused:
            title = "Too many calls from here; what was read does not change, and can be kept."
            raise Refused(refused.code, title, retry_after=1) from None
