"""How fast one identity may be denied: each denial is a row for ever, and a flood must end."""

from collections import OrderedDict
from datetime import datetime
from threading import Lock

from controlplane.errors import Refused

BURST = 256  # denials at once
A_SECOND = 5.0
_MOST_KNOWN = 10_000  # identities


class Denials:
    """One a process: a bucket of tokens for each identity. Threads share it."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._buckets: OrderedDict[str, tuple[float, datetime]] = OrderedDict()

    def check(self, identity_id: str, now: datetime) -> None:
        """Counts one more. Refused 429 too_many_denials, which leaves no row."""
        with self._lock:
            tokens, then = self._buckets.pop(identity_id, (float(BURST), now))
            tokens = min(float(BURST), tokens + max(0.0, (now - then).total_seconds()) * A_SECOND)
            is_flood = tokens < 1
            self._buckets[identity_id] = (tokens if is_flood else tokens - 1, now)
            while len(self._buckets) > _MOST_KNOWN:
                self._buckets.popitem(last=False)
        if is_flood:
            raise Refused(
                "too_many_denials",
                "Calls by this identity were denied too often; find out why before you go on.",
                status=429,
                retry_after=1,
            )
